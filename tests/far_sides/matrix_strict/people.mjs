// People on a homeserver who use a strict client: matrix-js-sdk with its encryption in Rust. Their devices are signed, and devices that
// their owners did not sign neither get keys from them nor are read by them. Effects: talks to a homeserver; keeps everything in memory.
//
// One JSON object a line, as tests/far_sides/matrix_people.py speaks it: {"id", "who", "do", …} and {"id", "ok"|"error"}.

import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { createInterface } from "node:readline";

import * as sdk from "matrix-js-sdk";
import { AllDevicesIsolationMode, decodeRecoveryKey, OnlySignedDevicesIsolationMode } from "matrix-js-sdk/lib/crypto-api/index.js";
import { PollResponseEvent } from "matrix-js-sdk/lib/extensible_events_v1/PollResponseEvent.js";
import { logger } from "matrix-js-sdk/lib/logger.js";

logger.setLevel("silent");
// Lines of the standard output are answers, nothing else.
for (const level of ["log", "info", "debug", "warn", "error", "trace"]) console[level] = () => {};
const PATIENCE = 15_000;
const url = process.argv[2];

const b64 = (data) => Buffer.from(data).toString("base64").replace(/=+$/, "");
const urlsafe = (data) => b64(data).replaceAll("+", "-").replaceAll("/", "_");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(what, holds, patience = PATIENCE) {
    const over = Date.now() + patience;
    for (;;) {
        const found = await holds();
        if (found) return found;
        if (Date.now() > over) throw new Error(`waited in vain for ${what}`);
        await pause(40);
    }
}

class Person {
    async login({ user, device, token, strict = true, sign = true, recovery = "" }) {
        this.device = device;
        const getSecretStorageKey = async ({ keys }) => [Object.keys(keys)[0], decodeRecoveryKey(recovery)];
        this.client = sdk.createClient({
            baseUrl: url, userId: user, deviceId: device, accessToken: token, cryptoCallbacks: { getSecretStorageKey },
        });
        await this.client.initRustCrypto({ useIndexedDB: false });
        this.crypto = this.client.getCrypto();
        this.isolation({ strict });
        if (sign && !recovery) await this.sign({});
        await this.client.startClient({ threadSupport: true, initialSyncLimit: 50, pollTimeout: 10_000 });
        await until("the first sync", () => this.client.isInitialSyncComplete());
        if (recovery) {
            await this.crypto.userHasCrossSigningKeys(user, true);
            await this.sign({});
        }
    }

    isolation({ strict }) {
        this.crypto.setDeviceIsolationMode(
            strict ? new OnlySignedDevicesIsolationMode() : new AllDevicesIsolationMode(false),
        );
    }

    async sign({ password = "" }) {
        const proof = { type: "m.login.password", identifier: { type: "m.id.user", user: this.client.getUserId() }, password };
        await this.crypto.bootstrapCrossSigning({
            authUploadDeviceSigningKeys: async (request) => {
                try {
                    await request(null);
                } catch (error) {
                    await request({ ...proof, session: error.data.session });
                }
            },
        });
    }

    close() {
        this.client.stopClient();
    }

    // ── what a person does ──────────────────────────────────────────────────────────────────────────────────────────

    // `version` and `history` are the server's own where they are empty.
    async create({ invite, encrypted, direct = false, version = "", history = "" }) {
        const state = [];
        if (encrypted) state.push({ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } });
        if (history) state.push({ type: "m.room.history_visibility", state_key: "", content: { history_visibility: history } });
        const made = await this.client.createRoom({
            invite, is_direct: direct, initial_state: state, preset: "private_chat", ...(version ? { room_version: version } : {}),
        });
        await this.knows({ room: made.room_id, encrypted });
        return made.room_id;
    }

    async knows({ room, encrypted }) {
        await until("my own room", () => this.client.getRoom(room)?.getMyMembership() === "join");
        if (encrypted) await until("its encryption", () => this.crypto.isEncryptionEnabledInRoom(room));
    }

    async join({ room }) {
        await this.client.joinRoom(room);
        await until("the room", () => this.client.getRoom(room)?.getMyMembership() === "join");
        await this.client.getRoom(room).loadMembersIfNeeded();
        return room;
    }

    async meet({ room, users }) {
        const here = (user) => this.client.getRoom(room)?.getMember(user)?.membership === "join";
        await until(`${users} in ${room}`, () => users.every(here));
    }

    async invite({ room, user }) {
        await this.client.invite(room, user);
    }

    async encrypt({ room }) {
        await this.client.sendStateEvent(room, "m.room.encryption", { algorithm: "m.megolm.v1.aes-sha2" }, "");
        await until("its encryption", () => this.crypto.isEncryptionEnabledInRoom(room));
    }

    async send({ room, content, kind = "m.room.message" }) {
        const txn = this.client.makeTxnId();
        try {
            return (await this.client.sendEvent(room, null, kind, content, txn)).event_id;
        } catch (error) {
            // The library minds when the stream brings an event before the answer to its sending does.
            if (!error.message.includes("not a local echo")) throw error;
            const mine = (await this.everything(room)).find((each) => each.getUnsigned().transaction_id === txn);
            return mine.getId();
        }
    }

    async attach({ room, name, content, told }) {
        const data = Buffer.from(content, "base64");
        const info = { mimetype: "text/plain", size: data.length };
        if (!(await this.crypto.isEncryptionEnabledInRoom(room))) {
            const { content_uri } = await this.client.uploadContent(data, { type: "text/plain", name });
            return this.send({ room, content: { msgtype: "m.file", body: name, filename: name, info, url: content_uri, ...told } });
        }
        const [key, iv] = [randomBytes(32), Buffer.concat([randomBytes(8), Buffer.alloc(8)])];
        const cipher = createCipheriv("aes-256-ctr", key, iv);
        const sealed = Buffer.concat([cipher.update(data), cipher.final()]);
        const { content_uri } = await this.client.uploadContent(sealed, { type: "application/octet-stream", includeFilename: false });
        const file = {
            v: "v2", url: content_uri, iv: b64(iv), hashes: { sha256: b64(createHash("sha256").update(sealed).digest()) },
            key: { alg: "A256CTR", ext: true, key_ops: ["encrypt", "decrypt"], kty: "oct", k: urlsafe(key) },
        };
        return this.send({ room, content: { msgtype: "m.file", body: name, filename: name, info, file, ...told } });
    }

    async redact({ room, event }) {
        return (await this.client.redactEvent(room, event)).event_id;
    }

    // Write what comes next under a new key that only devices this one vouches for get.
    async withhold({ room, except = [] }) {
        for (const [user, device] of except) {
            await this.crypto.getUserDeviceInfo([user], true);
            await this.crypto.setDeviceVerified(user, device, true);
        }
        this.crypto.globalBlacklistUnverifiedDevices = true;
        this.crypto.setDeviceIsolationMode(new AllDevicesIsolationMode(false));
        await this.crypto.forceDiscardSession(room);
    }

    relent() {
        this.crypto.globalBlacklistUnverifiedDevices = false;
        this.isolation({ strict: true });
    }

    async vouch({ device }) {
        const me = this.client.getUserId();
        await until("my other device", async () => (await this.crypto.getUserDeviceInfo([me])).get(me)?.has(device));
        await this.crypto.crossSignDevice(device);
    }

    async leave({ room }) {
        await this.client.leave(room);
    }

    async rotate({ room }) {
        await this.crypto.forceDiscardSession(room);
    }

    // ── what a person sees ──────────────────────────────────────────────────────────────────────────────────────────

    async everything(room) {
        let token = null;
        const found = [];
        do {
            const page = await this.client.createMessagesRequest(room, token, 500, sdk.Direction.Backward);
            for (const raw of page.chunk) found.push(new sdk.MatrixEvent(raw));
            token = page.chunk.length ? page.end : null;
        } while (token);
        for (const event of found) await this.client.decryptEventIfNeeded(event);
        return found.reverse();
    }

    async settled(room) {
        const over = Date.now() + 3000;
        for (;;) {
            const found = await this.everything(room);
            if (Date.now() > over || !found.some((each) => each.isDecryptionFailure())) return found;
            await pause(100);
        }
    }

    async judges({ room, sender }) {
        const found = (await this.settled(room)).filter((each) => each.getSender() === sender && !each.isState());
        return Promise.all(found.map((each) => this.judged(each)));
    }

    async judged(event) {
        const info = event.isEncrypted() ? await this.crypto.getEncryptionInfoForEvent(event) : null;
        return {
            id: event.getId(), type: event.getType(), wire: event.getWireType(), content: event.getContent(), gone: event.isRedacted(),
            rings: Boolean(this.client.getPushActionsForEvent(event)?.tweaks?.highlight), encrypted: event.isEncrypted(), failure: event.decryptionFailureReason,
            session: event.getWireContent().session_id, shield: info?.shieldColour ?? 0, reason: info?.shieldReason ?? null,
        };
    }

    async devices({ user }) {
        const found = await this.crypto.getUserDeviceInfo([user], true);
        return Promise.all([...(found.get(user)?.keys() ?? [])].map(async (device) => {
            const status = await this.crypto.getDeviceVerificationStatus(user, device);
            return { device, signed: status?.signedByOwner ?? false, verified: status?.isVerified() ?? false, name: found.get(user).get(device).displayName };
        }));
    }

    // An event of a thread as the library itself keeps it, once it shows an edit of it.
    async edited({ room, root, event }) {
        const kept = this.client.getRoom(room);
        const found = () => kept.getThreads().find((each) => each.id === root)?.events.find((each) => each.getId() === event);
        await until("the edit", () => found()?.replacingEventId());
        await this.client.decryptEventIfNeeded(found());
        return found().getContent();
    }

    // The polls of a thread, as the library reads them.
    async polls({ room, root }) {
        const events = await this.settled(room);
        const kept = this.client.getRoom(room);
        const started = events.filter((each) => sdk.M_POLL_START.matches(each.getType()) && each.getWireContent()["m.relates_to"]?.event_id === root);
        return Promise.all(started.map(async (each) => {
            const poll = await until("the poll", () => kept.polls.get(each.getId()));
            const end = events.find((one) => sdk.M_POLL_END.matches(one.getType()) && one.getContent()["m.relates_to"]?.event_id === each.getId());
            if (end) await until("the poll's end", async () => (await poll.getResponses()) && poll.isEnded);
            return {
                id: poll.pollId, question: poll.pollEvent.question.text, ended: end?.getContent().body ?? null,
                answers: Object.fromEntries(poll.pollEvent.answers.map((one) => [one.text, one.id])),
            };
        }));
    }

    async vote({ room, poll, answer }) {
        const { type, content } = PollResponseEvent.from([answer], poll).serialize();
        return this.send({ room, content, kind: type });
    }

    async opens({ room, event }) {
        const { file, url: clear } = (await this.everything(room)).find((each) => each.getId() === event).getContent();
        const address = this.client.mxcUrlToHttp(file?.url ?? clear, undefined, undefined, undefined, true, true, true);
        const answer = await fetch(address, { headers: { Authorization: `Bearer ${this.client.getAccessToken()}` } });
        const sealed = Buffer.from(await answer.arrayBuffer());
        if (!file) return sealed.toString();
        if (b64(createHash("sha256").update(sealed).digest()) !== file.hashes.sha256) throw new Error("the file is not what was posted");
        const cipher = createDecipheriv("aes-256-ctr", Buffer.from(file.key.k, "base64url"), Buffer.from(file.iv, "base64"));
        return Buffer.concat([cipher.update(sealed), cipher.final()]).toString();
    }
}

// The library fetches threads behind everybody's back; a thread it may not read is not the end of the process.
process.on("unhandledRejection", (error) => process.stderr.write(`${error}\n`));
const people = new Map();

async function answer({ id, who, do: what, ...given }) {
    try {
        if (what === "login") people.set(who, new Person());
        const came = await people.get(who)[what](given);
        return { id, ok: came ?? null };
    } catch (error) {
        return { id, error: `${who} ${what}: ${error.stack}` };
    }
}

for await (const line of createInterface({ input: process.stdin })) {
    answer(JSON.parse(line)).then((told) => process.stdout.write(`${JSON.stringify(told)}\n`));
}
for (const person of people.values()) person.close();
process.exit(0);
