#!/usr/bin/env node
// A turn in JavaScript: says a text in capital letters, one word at a time.
//
// Speaks Baton's jsonl protocol: one JSON object a line, on stdin from Baton, on stdout to it. It leaves a checkpoint after each
// sentence, so a run that is cut off goes on where it was; it yields and cancels when asked. Configure it as
//
//     [runners.shout]
//     type = "command"
//     program = "/path/to/shout.mjs"
//     mode = "jsonl"
//
// and send it a turn whose input is a text.
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

function say(type, fields = {}) {
  process.stdout.write(JSON.stringify({ type, ...fields }) + "\n");
}

async function listen() {
  const { value, done } = await lines.next();
  // Without a node to talk to there is nothing left to do.
  return done ? { type: "cancel" } : JSON.parse(value);
}

/** A checkpoint; returns what Baton wants next: go on ("stored"), "yield" or "cancel". */
async function store(state) {
  say("checkpoint", { state });
  for (;;) {
    // An order may come before or instead of "stored".
    const { type } = await listen();
    if (["stored", "yield", "cancel"].includes(type)) return type;
  }
}

async function main() {
  const start = await listen();
  if (start.type !== "start") return;
  if (typeof start.input !== "string") return say("error", { text: "the input is not a text", retryable: false });
  const sentences = (start.input.trim().match(/[^.!?]+[.!?]*/g) ?? []).map((sentence) => sentence.trim().toUpperCase());
  const state = start.checkpoint ?? { said: 0 };
  while (state.said < sentences.length) {
    for (const word of sentences[state.said].split(/\s+/)) say("delta", { text: word + " " });
    state.said += 1;
    const order = await store(state);
    if (order === "yield") return say("yielded");
    if (order === "cancel") return say("cancelled");
  }
  say("result", { result: sentences.join(" ") });
}

await main();
// Baton keeps the other end of stdin open.
process.stdin.destroy();
