// Reads envelopes (documents/encryption/FORMAT.md; § below are its sections) with WebCrypto alone, in browsers and in
// Node 20. Nothing is released before it verified. Errors are EnvelopeErrors; `code` is the answer of §1.

import { aead, ascii, equal, join, open, saltOf, unwrap } from "./envelope-keys.js";
import { parseText } from "./envelope-meta.js";
import { TAG_SIZE, inauthentic, malformed, parseHeader, view } from "./envelope-structure.js";

export { loadKek, loadOriginKey } from "./envelope-keys.js";
export { EnvelopeError, MAX_HEADER_SIZE, MIN_HEADER_SIZE, PREFIX_SIZE, headerSize } from "./envelope-structure.js";

const MAX_CHUNKS = 2 ** 32;
const ZERO_NONCE = new Uint8Array(12);

async function checkOrigin(signature, context, originKeys) {
  if (!originKeys.length) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", context));
  const message = join(ascii("vlt1/origin"), digest);
  for (const key of signature ? originKeys : []) {
    if (await crypto.subtle.verify("Ed25519", key, signature, message)) return;
  }
  throw inauthentic("No origin key signed the envelope.");
}

/**
 * Verify a header (bytes behind it are ignored) and return an Envelope. `keks` are of loadKek, `originKeys` of
 * loadOriginKey; `expectedIds` are UUID strings named as in `Envelope.ids`; `keyBlocks` are newer ones from outside;
 * stanzas below `weakestType` are not unwrapped (§5.3).
 */
export async function openHeader(
  header,
  { keks, originKeys = [], expectedIds = null, expectedContext = null, keyBlocks = [], weakestType = 1 },
) {
  const parsed = parseHeader(header);
  const { context } = parsed;
  if (expectedContext && !equal(context, expectedContext)) throw inauthentic("PREFIX and CORE differ from those kept.");
  const dek = await unwrap(parsed, keyBlocks, keks, weakestType);
  const { raw, salt } = parsed.block;
  const blockKey = await aead(dek, salt, "vlt1/keyblock", context);
  const untagged = raw.length - TAG_SIZE;
  await open(blockKey, ZERO_NONCE, raw.subarray(untagged), join(context, raw.subarray(0, untagged)));
  const metaKey = await aead(dek, saltOf(context), "vlt1/meta", context);
  const length = parsed.meta.subarray(0, 4);
  const { metadata, signature } = parseText(
    await open(metaKey, ZERO_NONCE, parsed.meta.subarray(4), join(context, length)),
  );
  await checkOrigin(signature, context, originKeys);
  if (expectedIds && Object.keys(parsed.ids).some((name) => parsed.ids[name] !== expectedIds[name])) {
    throw inauthentic("The ids are not those expected.");
  }
  const bodyKey = await aead(dek, saltOf(context), "vlt1/body", context);
  return new Envelope(parsed, metadata, bodyKey);
}

/** A header that verified. Sizes are bytes. */
class Envelope {
  #bodyKey;

  constructor({ ids, size, chunkSize }, metadata, bodyKey) {
    Object.assign(this, { ids, metadata, chunkSize, headerSize: size });
    this.#bodyKey = bodyKey;
  }

  chunkCount(objectSize) {
    const stride = this.chunkSize + TAG_SIZE;
    const body = objectSize - this.headerSize;
    const count = Math.ceil(body / stride);
    const shortest = count > 1 ? TAG_SIZE + 1 : TAG_SIZE;
    if (body < TAG_SIZE || count > MAX_CHUNKS || body - (count - 1) * stride < shortest) {
      throw malformed(`An envelope cannot have ${objectSize} bytes.`);
    }
    return count;
  }

  plaintextSize(objectSize) {
    return objectSize - this.headerSize - TAG_SIZE * this.chunkCount(objectSize);
  }

  /** Which bytes of the object hold plaintext `start` up to, not including, `stop`. */
  objectRange(start, stop, objectSize) {
    const size = this.plaintextSize(objectSize);
    const whole = start === 0 && stop === 0 && size === 0;
    if (!whole && !(start >= 0 && start < stop && stop <= size)) throw new RangeError("Outside of the document.");
    const stride = this.chunkSize + TAG_SIZE;
    const firstChunk = Math.floor(start / this.chunkSize);
    const after = Math.max(1, Math.ceil(stop / this.chunkSize));
    return {
      start: this.headerSize + firstChunk * stride,
      stop: Math.min(this.headerSize + after * stride, objectSize),
      firstChunk,
    };
  }

  /**
   * Yield plaintext `start` to `stop` as it verifies. `source` is an async iterable of Uint8Arrays that begins at
   * `objectRange(start, stop, objectSize).start` and ends with the object, or where that range does.
   */
  async *openChunks(source, { objectSize, start = 0, stop = this.plaintextSize(objectSize) }) {
    const range = this.objectRange(start, stop, objectSize);
    const last = this.chunkCount(objectSize) - 1;
    const bytes = new ByteQueue(source);
    let position = range.start;
    for (let index = range.firstChunk; position < range.stop; index += 1) {
      const size = Math.min(this.chunkSize + TAG_SIZE, range.stop - position);
      const sealed = await bytes.take(size);
      if (sealed.length < size) throw inauthentic("The object ends before its last chunk.");
      const nonce = new Uint8Array(12);
      view(nonce).setUint32(7, index);
      nonce[11] = index === last ? 1 : 0;
      const plaintext = await open(this.#bodyKey, nonce, sealed, new Uint8Array(0));
      if (index === last && (await bytes.take(1)).length) throw inauthentic("Something follows the last chunk.");
      const offset = index * this.chunkSize;
      yield plaintext.subarray(Math.max(0, start - offset), Math.min(plaintext.length, stop - offset));
      position += size;
    }
  }
}

class ByteQueue {
  #source;
  #held = new Uint8Array(0);

  constructor(source) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next `size` bytes, or fewer where the source ends. */
  async take(size) {
    const pieces = [this.#held];
    let length = this.#held.length;
    while (length < size) {
      const { done, value } = await this.#source.next();
      if (done) break;
      pieces.push(value);
      length += value.length;
    }
    const joined = pieces.length === 1 ? pieces[0] : join(...pieces);
    this.#held = joined.subarray(size);
    return joined.subarray(0, size);
  }
}
