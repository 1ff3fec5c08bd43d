"""The far side before the library as it comes: its client, parsers, command tree, views and forms take what the far side sends. Effects: loopback."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import suppress

import discord
import pytest
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.far_sides.discord import records
from tests.far_sides.discord.server import TOKEN, FarDiscord
from tests.patience import PATIENCE


class Library(discord.Client):
    """A bot as the library's users write it."""

    def __init__(self) -> None:
        intents = discord.Intents(
            guilds=True, guild_messages=True, message_content=True, guild_reactions=True
        )
        super().__init__(intents=intents)
        self.tree = app_commands.CommandTree(self)
        self.heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def on_message(self, message: discord.Message) -> None:
        if message.author != self.user:
            self.heard.put_nowait(("posted", message.content))

    async def on_message_edit(self, before: discord.Message, after: discord.Message) -> None:
        if after.author != self.user:
            self.heard.put_nowait(("edited", after.content))

    async def on_message_delete(self, message: discord.Message) -> None:
        self.heard.put_nowait(("deleted", message.content))

    async def on_reaction_add(self, reaction: discord.Reaction, user: discord.abc.User) -> None:
        self.heard.put_nowait(("reacted", str(reaction.emoji)))

    async def on_thread_create(self, thread: discord.Thread) -> None:
        self.heard.put_nowait(("thread", thread.name))


@pytest.fixture
async def far(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FarDiscord]:
    async with FarDiscord() as far:
        monkeypatch.setattr(Route, "BASE", far.api_url)
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(far.gateway.url))
        yield far


@pytest.fixture
def room(far: FarDiscord) -> records.Channel:
    return far.world.channel(far.world.guild("Team", far.world.user("maya", shown="Maya")), "general")


@pytest.fixture
async def bot(far: FarDiscord, room: records.Channel) -> AsyncIterator[Library]:
    library = Library()
    running = asyncio.create_task(library.start(TOKEN))
    await far.connected()
    await asyncio.wait_for(library.wait_until_ready(), PATIENCE)
    yield library
    await library.close()
    with suppress(asyncio.CancelledError):
        await running


async def test_what_people_do_is_heard(far: FarDiscord, room: records.Channel, bot: Library) -> None:
    maya = next(user for user in far.world.users.values() if not user.bot)
    posted = far.hands.user_posts(maya, room, "hello", files={"a.txt": b"x"})
    await heard(bot, "posted", "hello")
    far.hands.user_edits(posted, "hello there")
    await heard(bot, "edited", "hello there")
    far.hands.user_reacts(maya, posted, "👀")
    await heard(bot, "reacted", "👀")
    thread = far.hands.user_opens_thread(maya, posted, "a thread")
    await heard(bot, "thread", "a thread")
    far.hands.user_posts(maya, thread, "in it")
    await heard(bot, "posted", "in it")
    far.hands.user_deletes(posted)
    await heard(bot, "deleted", "hello there")


async def heard(bot: Library, *wanted: str) -> None:
    """Wait for something to be heard, passing over what else is."""
    async with asyncio.timeout(PATIENCE):
        while await bot.heard.get() != wanted:
            pass


async def test_what_the_bot_does_is_seen(far: FarDiscord, room: records.Channel, bot: Library) -> None:
    maya = next(user for user in far.world.users.values() if not user.bot)
    channel = bot.get_channel(room.id)
    assert isinstance(channel, discord.TextChannel)
    sent = await channel.send("root", nonce="n")
    thread = await sent.create_thread(name="t")
    inside = await thread.send("first **words**", file=discord.File(io.BytesIO(b"abc"), "a.txt"))
    await inside.edit(content="other words")
    await inside.add_reaction("✅")
    async for newest in thread.history(limit=1):
        assert newest.content == "other words"
    with pytest.raises(discord.HTTPException) as caught:
        await thread.send("x" * 2001)
    assert caught.value.code == 50035
    known = far.hands.sees(maya, far.world.channels[thread.id])
    assert [(seen.text, seen.reactions) for seen in known] == [
        ("root", ()),
        ("other words\n[file] a.txt\nabc", ("✅",)),
    ]


async def test_commands_buttons_and_forms(far: FarDiscord, room: records.Channel, bot: Library) -> None:
    maya = next(user for user in far.world.users.values() if not user.bot)

    class Form(discord.ui.Modal, title="Why not?"):
        words: discord.ui.TextInput[Form] = discord.ui.TextInput(label="Words")

        async def on_submit(self, interaction: discord.Interaction) -> None:
            await interaction.response.send_message(f"because {self.words.value}", ephemeral=True)

    class Choice(discord.ui.View):
        @discord.ui.button(label="Deny")
        async def deny(self, interaction: discord.Interaction, button: discord.ui.Button[Choice]) -> None:
            await interaction.response.send_modal(Form())

        @discord.ui.select(
            options=[
                discord.SelectOption(label="one", value="1"),
                discord.SelectOption(label="two", value="2"),
            ]
        )
        async def pick(self, interaction: discord.Interaction, menu: discord.ui.Select[Choice]) -> None:
            await interaction.response.edit_message(content=f"picked {menu.values[0]}", view=None)

    group = app_commands.Group(name="loop", description="x")

    @group.command(name="start", description="x")
    async def start(interaction: discord.Interaction, task: str, person: discord.User) -> None:
        await interaction.response.defer(ephemeral=True)
        await interaction.followup.send(f"{task} for {person.display_name}", view=Choice(timeout=None))

    @start.autocomplete("task")
    async def tasks(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"{typed}!", value=typed)]

    bot.tree.add_command(group)
    await bot.tree.sync()
    assert await far.hands.user_completes(maya, room, "loop start", "task", "fi") == [("fi!", "fi")]
    answered = await far.hands.user_slash(maya, room, "loop start", task="fix", person=maya)
    card = answered.original
    assert card is not None
    async with asyncio.timeout(PATIENCE):
        while not card.components:  # noqa: ASYNC110 - the library edits it in its own time
            await asyncio.sleep(0.01)
    assert card.content == "fix for Maya"
    told = await far.hands.user_presses(maya, card, "Deny", text="it is Friday")
    assert told.original is not None
    assert told.original.content == "because it is Friday"
    await far.hands.user_selects(maya, card, ["two"])
    assert (card.content, card.components) == ("picked 2", [])


async def test_a_cut_line_is_resumed(far: FarDiscord, room: records.Channel, bot: Library) -> None:
    maya = next(user for user in far.world.users.values() if not user.bot)
    far.gateway.drop()
    far.hands.user_posts(maya, room, "while away")
    assert await asyncio.wait_for(bot.heard.get(), PATIENCE) == ("posted", "while away")
    assert far.gateway.resumed == 1
