// A producer with nothing but a NATS client and msgpack: sends one turn, waits until it is accepted, then for its answer.
//
//   node producer.mjs <nats url> <session> <text> [<runner> [<id>]]
//
// Exit code: 0 the run completed, 1 it ended in another way or no answer came, 2 the call was wrong, 3 the task was not accepted,
// 4 it had been accepted before, and its answer goes to whoever sent it first.
import { decode, encode } from "@msgpack/msgpack";
import { jetstream } from "@nats-io/jetstream";
import { connect, createInbox } from "@nats-io/transport-node";

const ACCEPT_WITHIN_MS = 10_000;
const ANSWER_WITHIN_MS = 120_000;

/** The client takes user and password apart from the address. */
function optionsOf(text) {
  const url = new URL(text);
  const login = url.username ? { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } : {};
  return { servers: url.host, ...login };
}

/** Returns once the task is stored: from then on it ends in an outcome, whatever happens to us or to a node. */
async function publish(over, session, turn) {
  const ack = await jetstream(over, { timeout: ACCEPT_WITHIN_MS }).publish(`baton.task.${session}`, encode(turn), {
    // The same task published twice is stored once. The server's window is stream-wide, so the session is part of the id.
    msgID: `${session}/${turn.id}`,
  });
  console.error(`accepted ${turn.id} as ${ack.stream} ${ack.seq}`);
  return ack;
}

/** The first message on an inbox, or an error after the time given. */
function firstOf(over, inbox) {
  return new Promise((found, failed) => {
    over.subscribe(inbox, { max: 1, timeout: ANSWER_WITHIN_MS, callback: (error, message) => (error ? failed(error) : found(message)) });
  });
}

async function send(over, session, turn) {
  // Listen before asking: the answer may come before the acceptance.
  const answered = firstOf(over, turn.reply_to);
  // Its failure is seen below, where it is awaited.
  answered.catch(() => {});
  try {
    const ack = await publish(over, session, turn);
    if (ack.duplicate) {
      console.error("producer.mjs: it had been accepted before; its answer goes to whoever sent it first");
      return 4;
    }
  } catch (error) {
    console.error(`producer.mjs: the task was not accepted: ${error.message}`);
    return 3;
  }
  try {
    // In the encoding of the task: {to, verdict, body: {status, result}}, or {..., reason, detail} if it was refused.
    const answer = decode((await answered).data);
    console.log(JSON.stringify(answer));
    return answer.body?.status === "completed" ? 0 : 1;
  } catch (error) {
    console.error(`producer.mjs: no answer came, the run goes on: ${error.message}`);
    return 1;
  }
}

const [url, session, text, runner = "echo", id = `js-${Date.now()}-${process.pid}`] = process.argv.slice(2);
if (text === undefined) {
  console.error("usage: producer.mjs <nats url> <session> <text> [<runner> [<id>]]");
  process.exit(2);
}
let over;
try {
  over = await connect(optionsOf(url));
} catch (error) {
  console.error(`producer.mjs: cannot connect: ${error.message}`);
  process.exit(3);
}
// A turn. Fields that it leaves out (labels, deadline, tenant, ...) have defaults. The id is unique in its session: send a
// task again under the same id if its acceptance is in doubt.
process.exitCode = await send(over, session, { kind: "turn", id, runner, input: text, reply_to: createInbox() });
await over.close();
