import type { BlobStore } from '#blobs/blob-store.ts';
import type { Projections } from '#history/db.ts';
import { errors } from '../errors.ts';
import { sendBlob } from './blob-answer.ts';
import type { DappHost } from './dapp-hosts.ts';
import { type DappFile, type DappFiles, DappManifests } from './dapp-manifest.ts';
import type { Exchange } from './exchange.ts';
import type { DappDirectory } from './parts.ts';
import { decodeSegment } from './route-pattern.ts';
import type { HttpRequest } from './uws.ts';

/**
 * Dapps that share the API's origin are shut into one of their own: scripts run, but see nothing of the origin they came
 * from.
 */
const SANDBOX = 'sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads';
const SHARED_PATH = /^\/dapps\/([^/]*)(\/.*)?$/;
const UNCHANGING = 'public, max-age=31536000, immutable';

type Deploy = { readonly deploy: string; readonly manifest: string };
type Asked = {
  /** Within the deploy, decoded, without the first slash. */
  readonly path: string;
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly ifNoneMatch: string;
  readonly range: string;
};

export type DappParts = {
  readonly blobs: BlobStore;
  readonly projections: Projections;
  readonly dapps: DappDirectory;
};

/** Serves published dapps' files. A path is only ever looked up in a deploy's manifest. */
export class DappServer {
  readonly #parts: DappParts;
  readonly #manifests: DappManifests;

  constructor(parts: DappParts) {
    this.#parts = parts;
    this.#manifests = new DappManifests(parts.blobs);
  }

  /** A request to a dapp's own host: its origin holds nothing else. */
  serveHost(exchange: Exchange, req: HttpRequest, host: DappHost): void {
    const method = req.getMethod();
    if (method !== 'get' && method !== 'head') {
      exchange.refuse(errors.error('request.wrong-method', 'files take GET and HEAD'), ['Allow', 'GET, HEAD']);
      return;
    }
    const url = req.getUrl();
    const asked = readAsked(req, url);
    const db = this.#parts.projections.db();
    const { dapps } = this.#parts;
    const forEver = host.deploy === null ? null : dapps.deploy(db, host.deploy.dapp, host.deploy.prefix);
    const deploy = forEver ?? dapps.published(db, host.label);
    if (deploy === null) throw errors.error('request.unknown-route', `no dapp is published at ${host.label}`);
    this.#serve(exchange, deploy, asked, ['Cache-Control', forEver === null ? 'no-cache' : UNCHANGING]);
  }

  /** A request to `/dapps/{dapp}/…` on the shared host. */
  serveShared(exchange: Exchange, req: HttpRequest): void {
    const url = req.getUrl();
    const match = SHARED_PATH.exec(url);
    const dapp = decodeSegment(match?.[1] ?? '');
    const deploy = this.#parts.dapps.published(this.#parts.projections.db(), dapp);
    if (deploy === null) throw errors.error('request.unknown-route', `no dapp is published as "${dapp.slice(0, 63)}"`);
    const within = match?.[2];
    if (within === undefined) {
      exchange.sendEmpty(308, ['Location', `${url}/`, 'Cache-Control', 'no-cache']);
      return;
    }
    const headers = ['Cache-Control', 'no-cache', 'Content-Security-Policy', SANDBOX];
    this.#serve(exchange, deploy, { ...readAsked(req, within), rawPath: url }, headers);
  }

  #serve(exchange: Exchange, deploy: Deploy, asked: Asked, headers: readonly string[]): void {
    this.#answer(exchange, deploy, asked, headers).catch((error: unknown) => exchange.refuse(error));
  }

  async #answer(exchange: Exchange, deploy: Deploy, asked: Asked, headers: readonly string[]): Promise<void> {
    const files = await this.#manifests.read(deploy.manifest);
    const found = fileAt(files, asked.path);
    if (found === 'folder') {
      const query = asked.rawQuery === '' ? '' : `?${asked.rawQuery}`;
      exchange.sendEmpty(308, ['Location', `${asked.rawPath}/${query}`, 'Cache-Control', 'no-cache']);
      return;
    }
    const { ifNoneMatch, range } = asked;
    if (found !== null) {
      const { sha256, mediaType } = found;
      await sendBlob(exchange, this.#parts.blobs, { sha256, mediaType, headers, ifNoneMatch, range });
      return;
    }
    const own = files.get('404.html');
    if (own === undefined) throw errors.error('request.unknown-route', 'the dapp has no such file');
    const { sha256, mediaType } = own;
    await sendBlob(exchange, this.#parts.blobs, {
      sha256,
      mediaType,
      headers,
      ifNoneMatch: '',
      range: '',
      status: 404,
    });
  }
}

/** The file at a path; `folder` where only a slash is missing, so that relative links hold. */
function fileAt(files: DappFiles, path: string): DappFile | 'folder' | null {
  if (path === '' || path.endsWith('/')) return files.get(`${path}index.html`) ?? null;
  return files.get(path) ?? (files.has(`${path}/index.html`) ? 'folder' : null);
}

function readAsked(req: HttpRequest, rawPath: string): Asked {
  return {
    path: decodeSegment(rawPath).slice(1),
    rawPath,
    rawQuery: req.getQuery() ?? '',
    ifNoneMatch: req.getHeader('if-none-match'),
    range: req.getHeader('range'),
  };
}
