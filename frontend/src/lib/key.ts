// Idempotency keys.

/** A key that nobody else has: 128 random bits. Works on origins without crypto.randomUUID, too. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
