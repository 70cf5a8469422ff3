// Puts something on the clipboard, and says so.
import { useEffect, useState } from 'react';
import { gateway } from '../api/send';

export function Copy({ text, children }: { text: string; children: string }) {
  const [copied, setCopied] = useState<boolean | null>(null);
  useEffect(() => {
    if (copied === null) return;
    const timer = setTimeout(() => setCopied(null), 3_000);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  if (!navigator.clipboard) return null; // only on secure origins
  return (
    <span className="inline-grid">
      {/* The button keeps the width of its longest word. */}
      <button
        type="button"
        onClick={() => void copy()}
        className="col-start-1 row-start-1 py-1.5 underline underline-offset-4"
      >
        {copied === null ? children : copied ? 'Copied' : 'Not allowed'}
      </button>
      <span aria-hidden="true" className="invisible col-start-1 row-start-1">
        {children}
      </span>
      <span role="status" className="sr-only">
        {copied ? `${children}: copied` : ''}
      </span>
    </span>
  );
}

/** The request behind what is shown, for a terminal. The token stays a variable: it is a secret. */
export const curlOf = (path: string) => `curl -s '${gateway}${path}' -H "Authorization: Bearer $token"`;
