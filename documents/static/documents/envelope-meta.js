// The text of META (documents/encryption/FORMAT.md §4).

import { malformed, unsupported } from "./envelope-structure.js";

const MEMBERS = ["filename", "content_type", "owner", "created_at", "content_coding"];

export function parseText(text) {
  let members;
  try {
    members = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text));
  } catch {
    throw malformed("META is not JSON in UTF-8.");
  }
  const words = members && typeof members === "object" && !Array.isArray(members) ? Object.entries(members).flat() : [null];
  if (!words.every((word) => typeof word === "string" && !/\p{Surrogate}/u.test(word))) {
    throw malformed("META is not a JSON object of strings.");
  }
  if (!MEMBERS.every((name) => Object.hasOwn(members, name))) throw malformed("META lacks a member.");
  checkTime(members.created_at);
  const signature = Object.hasOwn(members, "origin_signature") ? parseSignature(members.origin_signature) : null;
  // Last: §4 puts what is malformed before it.
  if (!["identity", "gzip"].includes(members.content_coding)) throw unsupported("An unknown content coding.");
  return { metadata: Object.fromEntries(MEMBERS.map((name) => [name, members[name]])), signature };
}

function checkTime(text) {
  const milliseconds = Date.parse(text.replace(/\d{3}Z$/, "Z"));
  const inForm = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(text) && !Number.isNaN(milliseconds);
  // Date.parse lets 30 February pass as 1 March, so the day must come back as it went in.
  if (!inForm || new Date(milliseconds).toISOString().slice(0, 19) !== text.slice(0, 19)) {
    throw malformed("META's created_at is not a time in the form of §4.");
  }
}

function parseSignature(text) {
  if (!/^[A-Za-z0-9+/]{86}==$/.test(text)) throw malformed("META's origin signature is not base64 of 64 bytes.");
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
