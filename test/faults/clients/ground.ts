import { ADMIN_KEY, type Stage } from '../stage/stage.ts';

/** Accounts whose grants never expire: whether credits were refused rightly can be told from the log alone. */
export const LASTING_ACCOUNTS = ['acme', 'brook', 'cedar'] as const;
/** Its grants expire within seconds. */
export const FLEETING_ACCOUNT = 'fleeting';
export const ACCOUNTS: readonly string[] = [...LASTING_ACCOUNTS, FLEETING_ACCOUNT];

/** With 2^22 places, so that every pixel of a run has a place of its own. */
export const CANVAS = { board: 'canvas', side: 2048 } as const;
/** Everybody waits between two pixels. */
export const SLOW_BOARD = { board: 'slow', side: 2048, cooldownSeconds: 4 } as const;

const FIRST_GRANT = 200;

export type Ground = {
  /** The secrets of the accounts' keys, by account. */
  readonly secrets: ReadonlyMap<string, string>;
  /** The position after all of it. */
  readonly position: string;
};

/** Makes what the clients need; resolves once every instance knows it. */
export async function layGround({ instances }: Stage): Promise<Ground> {
  const first = instances[0]!.url;
  const secrets = new Map<string, string>();
  const { board, side } = CANVAS;
  await call(first, 'PUT', `/v1/boards/${board}`, { width: side, height: side });
  const { cooldownSeconds } = SLOW_BOARD;
  const slow = { width: SLOW_BOARD.side, height: SLOW_BOARD.side, cooldownSeconds };
  await call(first, 'PUT', `/v1/boards/${SLOW_BOARD.board}`, slow);
  let position = '';
  for (const account of ACCOUNTS) {
    await call(first, 'POST', '/v1/accounts', { account });
    await call(first, 'POST', `/v1/accounts/${account}/grants`, { amount: FIRST_GRANT });
    const issued = await call(first, 'POST', `/v1/accounts/${account}/keys`, {});
    secrets.set(account, issued.secret!);
    position = issued.position!;
  }
  for (const { url } of instances) await call(url, 'GET', `/v1/accounts/${ACCOUNTS[0]}`, undefined, position);
  return { secrets, position };
}

/** Nothing is at fault yet, so that everything is answered. @throws where it is not */
async function call(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  least = '',
): Promise<{ readonly [name: string]: string }> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${ADMIN_KEY}`,
      'Content-Type': 'application/json',
      ...(least === '' ? {} : { 'Strata-Min-Position': least }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}
