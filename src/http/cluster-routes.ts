import { SIGNATURE_HEADER, type SignatureCheck } from '#cluster/signature.ts';
import { errors } from '../errors.ts';
import { type Exchange, JSON_TYPE } from './exchange.ts';
import type { Handler } from './router.ts';

/** One command may be 1 MiB, and some go together. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;

/** How other members reach this one. */
export type ClusterParts = {
  readonly signatures: SignatureCheck;
  /** Handles forwarded commands: from the text of a batch to that of its answers. */
  readonly receive: (text: string) => Promise<string>;
};

/**
 * `POST /v1/cluster/commands`: commands that another member forwards, signed with the members' secret. It is no part of the
 * API. Whatever is answered but 200 was not handled.
 */
export function clusterCommandsHandler({ signatures, receive }: ClusterParts): Handler {
  return (exchange, req) => {
    const signature = req.getHeader(SIGNATURE_HEADER);
    if (signature === '') throw errors.error('cluster.refused', 'this address is for members only');
    receiveBytes(exchange, (body) => {
      signatures.require(signature, body);
      receive(body.toString()).then(
        (answer) => exchange.send(200, JSON_TYPE, answer, ['Cache-Control', 'no-store']),
        (error) => exchange.refuse(error),
      );
    });
  };
}

function receiveBytes(exchange: Exchange, received: (body: Buffer) => void): void {
  const parts: Buffer[] = [];
  let bytes = 0;
  exchange.res.onData((chunk, isLast) => {
    if (exchange.over) return;
    try {
      bytes += chunk.byteLength;
      if (bytes > BODY_BYTES_MAX) throw errors.error('request.too-large', 'too many commands are forwarded at once');
      // The chunk's memory is used again.
      parts.push(Buffer.from(new Uint8Array(chunk)));
      if (isLast) received(Buffer.concat(parts));
    } catch (error) {
      exchange.refuse(error);
    }
  });
}
