const PREFIX = 'account-';

/** An account's stream: its name is what makes the account unique. */
export function accountStream(account: string): string {
  return PREFIX + account;
}

export function accountOf(stream: string): string {
  return stream.slice(PREFIX.length);
}
