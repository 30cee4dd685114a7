// The structure of an envelope (documents/encryption/FORMAT.md; § below are its sections): bytes in, fields out, nothing
// of it verified yet.

const CONTEXT_SIZE = 144;
const KEY_BLOCK_FIXED = 44;
const STANZA_FIXED = 40;
const MAGIC = [0x89, 0x56, 0x4c, 0x54, 0x0d, 0x0a, 0x1a, 0x0a];

export const RSA_OAEP = 1;
export const RSA_OAEP_ML_KEM = 2;
// Bytes of a wrapped DEK, the least and the most (§5).
const WRAPPED_SIZES = { [RSA_OAEP]: [384, 1024], [RSA_OAEP_ML_KEM]: [1520, 2160] };
export const TAG_SIZE = 16;
export const PREFIX_SIZE = 16;
export const MIN_HEADER_SIZE = 4096;
export const MAX_HEADER_SIZE = 65536;

/** What a reader refuses; `code` is one of the five answers of §1. */
export class EnvelopeError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "EnvelopeError";
    this.code = code;
  }
}

export const malformed = (message) => new EnvelopeError("MalformedEnvelope", message);
export const unsupported = (message) => new EnvelopeError("UnsupportedEnvelope", message);
export const inauthentic = (message) => new EnvelopeError("AuthenticationFailed", message);

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
export const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const isZero = (bytes) => bytes.every((byte) => byte === 0);

function uuid(bytes) {
  return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// Structure (§2)

/** Bytes of the whole header, told by its first 16. */
export function headerSize(first) {
  if (first.length < PREFIX_SIZE) throw malformed("An envelope is longer than this.");
  if (!MAGIC.every((byte, i) => first[i] === byte)) throw malformed("This is not an envelope.");
  if (first[8] !== 1) throw unsupported(`Envelope version ${first[8]}.`);
  if (first[9] !== 1) throw unsupported(`Cipher suite ${first[9]}.`);
  if (view(first).getUint16(10) !== 0) throw unsupported("Unknown flags.");
  const size = view(first).getUint32(12);
  if (size < MIN_HEADER_SIZE || size > MAX_HEADER_SIZE || size % 4096) throw malformed(`A header of ${size} bytes.`);
  return size;
}

export function parseHeader(header) {
  const size = headerSize(header);
  if (header.length < size) throw malformed("The object ends before its header does.");
  const context = header.slice(0, CONTEXT_SIZE);
  const chunkLog2 = context[64];
  if (chunkLog2 < 12 || chunkLog2 > 22) throw malformed(`Chunks of 2^${chunkLog2} bytes.`);
  if (!isZero(context.subarray(65, 80))) throw malformed("CORE has other bytes where zeros belong.");
  const textSize = view(header).getUint32(CONTEXT_SIZE) - TAG_SIZE;
  if (textSize % 256 || textSize < 256 || textSize > 32768) throw malformed("META of an impossible length.");
  const metaEnd = CONTEXT_SIZE + 4 + textSize + TAG_SIZE;
  const block = parseKeyBlock(header.slice(metaEnd, size));
  if (!isZero(header.subarray(metaEnd + block.raw.length, size))) {
    throw malformed("The header has other bytes where zeros belong.");
  }
  const ids = {
    vault_id: uuid(context.subarray(16, 32)),
    document_id: uuid(context.subarray(32, 48)),
    attachment_id: uuid(context.subarray(48, 64)),
  };
  return { size, context, chunkSize: 2 ** chunkLog2, meta: header.slice(CONTEXT_SIZE, metaEnd), block, ids };
}

export function parseKeyBlock(data) {
  if (data.length < KEY_BLOCK_FIXED) throw malformed("A key block is cut short.");
  const length = view(data).getUint32(0);
  if (length < 97 || length > 16600 || data.length < 4 + length) throw malformed("A key block of an impossible length.");
  const count = data[40];
  if (count < 1 || count > 4) throw malformed(`A key block with ${count} stanzas.`);
  if (!isZero(data.subarray(41, 44))) throw malformed("A key block has other bytes where zeros belong.");
  const raw = data.slice(0, 4 + length);
  const stanzas = parseStanzas(raw.subarray(KEY_BLOCK_FIXED, raw.length - TAG_SIZE), count);
  return { raw, salt: raw.subarray(4, 36), seq: view(raw).getUint32(36), stanzas };
}

function parseStanzas(data, count) {
  const stanzas = [];
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    if (data.length - at < STANZA_FIXED) throw malformed("A stanza is cut short.");
    const fields = view(data.subarray(at));
    const type = fields.getUint16(0);
    const size = fields.getUint32(36);
    if (type === 0 || fields.getUint16(2) !== 0) throw malformed("A stanza without a type, or with stray bytes.");
    const [shortest, longest] = WRAPPED_SIZES[type] ?? [1, 4096];
    if (size < shortest || size > longest || data.length - at < STANZA_FIXED + size) throw malformed("A wrapped DEK of an impossible length.");
    const wrapped = data.subarray(at + STANZA_FIXED, at + STANZA_FIXED + size);
    stanzas.push({ type, kekId: hex(data.subarray(at + 4, at + 36)), wrapped });
    at += STANZA_FIXED + size;
  }
  if (at !== data.length) throw malformed("Bytes between the last stanza and the tag.");
  if (new Set(stanzas.map((stanza) => stanza.kekId)).size < count) throw malformed("The same KEK twice.");
  const types = new Set(stanzas.map((stanza) => stanza.type));
  if (types.has(RSA_OAEP) && types.has(RSA_OAEP_ML_KEM)) throw malformed("The DEK is wrapped with and without ML-KEM.");
  return stanzas;
}
