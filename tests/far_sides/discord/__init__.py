"""A Discord that speaks REST and gateway to the real client library, and lets tests be the people in it."""
