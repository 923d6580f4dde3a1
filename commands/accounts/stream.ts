const PREFIX = 'account-';

/** An account's stream: its name is what makes the account unique. */
export function accountStream(account: string): string {
  return PREFIX + account;
}

export function accountOf(stream: string): string {
  return stream.slice(PREFIX.length);
}

const SUBJECT_PREFIX = 'account:';

/** Whose key seals what is personal of the account, and of its library. */
export function subjectOf(account: string): string {
  return SUBJECT_PREFIX + account;
}

/** The account whose subject it is, or `null` for another. */
export function accountOfSubject(subject: string): string | null {
  return subject.startsWith(SUBJECT_PREFIX) ? subject.slice(SUBJECT_PREFIX.length) : null;
}
