const HOSTS_KEPT_MAX = 1_000;
const DEPLOY_LABEL = /^([0-9a-f]{12,64})--([a-z0-9][a-z0-9-]{0,48})$/;
const DAPP_LABEL = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** What a host name serves: a dapp's published deploy, or one deploy for ever. */
export type DappHost = {
  readonly label: string;
  /** The label as a deploy's: digits of its hash, and the dapp. */
  readonly deploy: { readonly prefix: string; readonly dapp: string } | null;
};

/** Tells by the `Host` header whose files are asked for. */
export class DappHosts {
  readonly #suffix: string;
  readonly #known = new Map<string, DappHost | null>();
  /** The last request's: comparing texts costs less than looking up one that was just made. */
  #last: { readonly host: string; readonly found: DappHost | null } = { host: '', found: null };

  /** Dapps are served at `{dapp}.{domain}`. */
  constructor(domain: string) {
    this.#suffix = `.${domain}`;
  }

  /** `null` for a host that serves the API: all that is not one label under the dapps' domain. */
  dappOf(host: string): DappHost | null {
    if (host === this.#last.host) return this.#last.found;
    const known = this.#known.get(host);
    const found = known === undefined ? this.#learn(host) : known;
    this.#last = { host, found };
    return found;
  }

  #learn(host: string): DappHost | null {
    const found = this.#find(host.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, ''));
    if (this.#known.size >= HOSTS_KEPT_MAX) this.#known.clear();
    this.#known.set(host, found);
    return found;
  }

  #find(name: string): DappHost | null {
    if (!name.endsWith(this.#suffix)) return null;
    const label = name.slice(0, -this.#suffix.length);
    if (!DAPP_LABEL.test(label)) return null;
    const match = DEPLOY_LABEL.exec(label);
    return { label, deploy: match === null ? null : { prefix: match[1]!, dapp: match[2]! } };
  }
}
