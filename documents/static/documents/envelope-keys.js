// Keys: KEKs, derived keys, and from key blocks to the DEK (documents/encryption/FORMAT.md §3, §4.1, §5, §7.1).

import { EnvelopeError, RSA_OAEP, hex, inauthentic, parseKeyBlock, unsupported } from "./envelope-structure.js";

const MAX_OUTSIDE_KEY_BLOCKS = 8;

export const ascii = (text) => new TextEncoder().encode(text);

export function join(...pieces) {
  const joined = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

// Takes the same time wherever the first difference is.
export function equal(one, other) {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let i = 0; i < one.length; i += 1) difference |= one[i] ^ other[i];
  return difference === 0;
}

/** A KEK from its private half, PKCS #8 in DER: `{id, privateKey}` with the id in hex (§1). */
export async function loadKek(pkcs8) {
  const algorithm = { name: "RSA-OAEP", hash: "SHA-256" };
  const exportable = await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, true, ["decrypt"]);
  const { kty, n, e } = await crypto.subtle.exportKey("jwk", exportable);
  const publicKey = await crypto.subtle.importKey("jwk", { kty, n, e }, algorithm, true, ["encrypt"]);
  const { modulusLength } = publicKey.algorithm;
  if (modulusLength < 3072 || modulusLength > 8192) throw new Error("A KEK has 3072 to 8192 bits.");
  const spki = await crypto.subtle.exportKey("spki", publicKey);
  const id = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", spki)));
  return { id, privateKey: await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["decrypt"]) };
}

/** An origin public key, SubjectPublicKeyInfo in DER (§4.1). */
export function loadOriginKey(spki) {
  return crypto.subtle.importKey("spki", spki, "Ed25519", false, ["verify"]);
}

// Derivations (§3)

async function derive(dek, salt, label, context) {
  const key = await crypto.subtle.importKey("raw", dek, "HKDF", false, ["deriveBits"]);
  const info = join(ascii(label), context);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, 256));
}

export async function aead(dek, salt, label, context) {
  const key = await derive(dek, salt, label, context);
  return crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
}

export async function open(key, nonce, sealed, additionalData) {
  try {
    const algorithm = { name: "AES-GCM", iv: nonce, additionalData, tagLength: 128 };
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, sealed));
  } catch {
    throw inauthentic("A tag does not verify: the bytes are not those that were sealed.");
  }
}

export const saltOf = (context) => context.subarray(80, 112);

async function fitsCommitment(dek, context) {
  const expected = await derive(dek, saltOf(context), "vlt1/commit", context.subarray(0, 112));
  return equal(expected, context.subarray(112));
}

// Unwrapping (§5, §7.1)

// WebCrypto has no ML-KEM, so type 1 is all that is unwrapped here: a hybrid KEK's DEK comes from the server.
function usableStanza(block, keks, weakestType) {
  if (weakestType > RSA_OAEP) return null;
  for (const stanza of block.stanzas) {
    const kek = stanza.type === RSA_OAEP && keks.find((candidate) => candidate.id === stanza.kekId);
    if (kek) return { kek, wrapped: stanza.wrapped };
  }
  return null;
}

// 32 bytes in every case: random ones where unwrapping failed, for the commitment to refuse.
async function unwrapDek({ kek, wrapped }) {
  const substitute = crypto.getRandomValues(new Uint8Array(32));
  try {
    const dek = new Uint8Array(await crypto.subtle.decrypt({ name: "RSA-OAEP" }, kek.privateKey, wrapped));
    return dek.length === 32 ? dek : substitute;
  } catch {
    return substitute;
  }
}

function wellFormed(outside) {
  return outside.flatMap((data) => {
    try {
      const block = parseKeyBlock(data);
      return block.raw.length === data.length ? [block] : [];
    } catch (error) {
      if (error instanceof EnvelopeError) return [];
      throw error;
    }
  });
}

export async function unwrap({ context, block }, keyBlocks, keks, weakestType) {
  if (keyBlocks.length > MAX_OUTSIDE_KEY_BLOCKS) throw new RangeError("Too many key blocks from outside.");
  const candidates = [block, ...wellFormed(keyBlocks)].sort((one, other) => other.seq - one.seq);
  const usable = candidates.map((candidate) => usableStanza(candidate, keks, weakestType)).filter(Boolean);
  for (const stanza of usable) {
    const dek = await unwrapDek(stanza);
    if (await fitsCommitment(dek, context)) return dek;
  }
  if (usable.length) throw new EnvelopeError("UnwrapFailed", "No DEK of this envelope can be had with these KEKs.");
  if (block.stanzas.some(({ type }) => type !== RSA_OAEP || type < weakestType)) {
    throw unsupported("A way of wrapping that is not known here, or not accepted.");
  }
  throw new EnvelopeError("UnknownKey", "No recipient of this envelope is among these KEKs.");
}
