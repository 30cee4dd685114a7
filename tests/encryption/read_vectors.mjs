// node read_vectors.mjs ENVELOPE_JS VECTORS: read every vector, print one JSON line with what came out of each.
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";

const [script, folder] = process.argv.slice(2);
const { EnvelopeError, MAX_HEADER_SIZE, loadKek, loadOriginKey, openHeader } = await import(pathToFileURL(script).href);

const pem = (name) => createPrivateKey(readFileSync(`${folder}/keys/test-only-${name}.pem`));
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const keks = {};
for (const name of ["primary", "recovery", "stranger"]) {
  keks[name] = await loadKek(pem(name).export({ type: "pkcs8", format: "der" }));
}
const origins = {};
for (const name of ["origin", "other-origin"]) {
  origins[name] = await loadOriginKey(createPublicKey(pem(name)).export({ type: "spki", format: "der" }));
}

// Pieces that never end where a chunk does.
async function* pieces(object, start) {
  for (let at = start; at < object.length; at += 1000) yield object.subarray(at, at + 1000);
}

async function read(vector) {
  const object = new Uint8Array(gunzipSync(bytes(vector.object)));
  const hash = createHash("sha256");
  const result = { name: vector.name, error: null, metadata: null, released: { size: 0 } };
  try {
    const envelope = await openHeader(object.subarray(0, MAX_HEADER_SIZE), {
      keks: vector.keks.filter((name) => name in keks).map((name) => keks[name]), // no hybrid ones: Node 20 has no ML-KEM
      originKeys: vector.origin_keys.map((name) => origins[name]),
      expectedIds: vector.expected_ids,
      expectedContext: vector.expected_context && bytes(vector.expected_context),
      keyBlocks: vector.key_blocks.map(bytes),
      weakestType: vector.weakest_type ?? 1,
    });
    result.metadata = envelope.metadata;
    const objectSize = object.length;
    const [start, stop] = vector.range ?? [0, envelope.plaintextSize(objectSize)];
    const from = envelope.objectRange(start, stop, objectSize).start;
    for await (const plaintext of envelope.openChunks(pieces(object, from), { objectSize, start, stop })) {
      hash.update(plaintext);
      result.released.size += plaintext.length;
    }
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    result.error = error.code;
  }
  result.released.sha256 = hash.digest("hex");
  return result;
}

for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
  for (const vector of JSON.parse(readFileSync(`${folder}/${file}`, "utf-8"))) {
    console.log(JSON.stringify(await read(vector)));
  }
}
