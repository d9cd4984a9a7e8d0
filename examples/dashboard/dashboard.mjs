// A dashboard in one line an event: what is durable, what was refused, and what is said live, of all sessions.
//
//   node dashboard.mjs [--count N] <nats url>
//
// With --count it ends after N events. It needs neither msgpack nor the right to read contents: the server republishes the
// headers of each commit, and a `Baton-Event` header is a small JSON object.
import { connect } from "@nats-io/transport-node";

/** The client takes user and password apart from the address. */
function optionsOf(text) {
  const url = new URL(text);
  const login = url.username ? { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } : {};
  return { servers: url.host, ...login };
}

/** Per subject, the last sequence seen: each message names the one before it of its session. */
const lastSeen = new Map();

function tellGap(message, session) {
  const seq = Number(message.headers.get("Nats-Sequence"));
  const before = Number(message.headers.get("Nats-Last-Sequence"));
  const last = lastSeen.get(message.subject);
  // What happened before the first one that we see is history, not a gap.
  if (last !== undefined && before > last) console.log(`gap        ${session} after ${last}, before ${seq}`);
  lastSeen.set(message.subject, seq);
}

/** The lines of one message: committed and refused ones carry events in their headers, a live one is itself an event. */
function linesOf(message) {
  const [, origin, session, kind] = message.subject.split(".");
  if (origin === "live") {
    const said = message.json();
    return [`live       ${session} ${kind} run=${said.run} ${JSON.stringify(said.data)}`];
  }
  tellGap(message, session);
  return message.headers.values("Baton-Event").map((header) => {
    const event = JSON.parse(header);
    // The code of a failure or a refusal is the name of a page in ops/errors.
    const more = ["epoch", "code"].filter((name) => name in event).map((name) => ` ${name}=${event[name]}`);
    return `${origin.padEnd(10)} ${session} ${event.kind} run=${event.run ?? "-"}${more.join("")}`;
  });
}

const given = process.argv.slice(2);
const counted = given[0] === "--count" ? Number(given.splice(0, 2)[1]) : Infinity;
if (given.length !== 1 || !(counted > 0)) {
  console.error("usage: dashboard.mjs [--count N] <nats url>");
  process.exit(2);
}
// It comes back for ever; what it missed meanwhile shows as a gap.
const over = await connect({ ...optionsOf(given[0]), maxReconnectAttempts: -1 });
let left = counted;
for (const subject of ["baton.committed.*", "baton.refused.*", "baton.live.>"]) {
  over.subscribe(subject, {
    callback: (error, message) => {
      if (error) return console.error(`dashboard.mjs: ${error.message}`);
      for (const line of linesOf(message)) {
        if (left-- > 0) console.log(line);
      }
      if (left <= 0) over.close();
    },
  });
}
// From here on nothing is missed while the connection lasts.
await over.flush();
console.error("watching");
const why = await over.closed();
if (why) console.error(`dashboard.mjs: ${why.message}`);
process.exitCode = why ? 1 : 0;
