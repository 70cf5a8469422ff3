// An order that was being written when its session ended: kept in this tab's memory for the one who wrote it.
import type { OrderForm } from './rules';

export interface Draft {
  userId: string;
  values: OrderForm;
  /** The idempotency key of the form, and what was sent with it. */
  key: string;
  sent: OrderForm[];
}

let kept: Draft | null = null;

/** Keeps a draft; null forgets it. */
export function keepDraft(draft: Draft | null) {
  kept = draft;
}

/** The draft that this user left. */
export function draftOf(userId: string | null): Draft | null {
  return kept?.userId === userId ? kept : null;
}
