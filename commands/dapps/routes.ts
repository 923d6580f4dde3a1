import type { CommandRoute, InspectedArchive, InspectedImage, UploadRoute } from '#handling/routes.ts';
import { assert } from '#src/assert.ts';
import { errors } from '#src/errors.ts';

const DAPP = '/v1/dapps/{dapp}';
const ARCHIVE_BYTES_MAX = 256 * 1024 * 1024;

export const dappRoutes: readonly CommandRoute[] = [
  { method: 'PUT', path: DAPP, command: 'CreateDapp', summary: 'Create a dapp', creates: true },
  { method: 'POST', path: `${DAPP}/publish`, command: 'PublishDeploy', summary: 'Publish a deploy that was staged' },
  { method: 'POST', path: `${DAPP}/rollback`, command: 'RollbackDapp', summary: 'Go back to an earlier deploy' },
  {
    method: 'DELETE',
    path: DAPP,
    command: 'DeleteDapp',
    summary: 'Delete a dapp; its name is not given again',
    bodyless: true,
  },
];

export const dappUploads: readonly UploadRoute[] = [
  {
    method: 'POST',
    path: `${DAPP}/deploys`,
    summary: 'Deploy the files of a zip archive, and publish them',
    inspect: 'archive',
    mediaTypes: ['application/zip'],
    bytesMax: ARCHIVE_BYTES_MAX,
    query: { publish: '`false` stages the deploy without publishing it' },
    commands: (inspected, { dapp }, query) => {
      const { manifest: deploy, files, bytes } = archive(inspected);
      const deployed = { type: 'DeployDapp', data: { dapp: dapp!, deploy, files, bytes } };
      return isStaged(query) ? [deployed] : [deployed, { type: 'PublishDeploy', data: { dapp: dapp!, deploy } }];
    },
    answer: (_accepted, inspected, { dapp }, dappUrl) => {
      const { manifest: deploy, files, bytes } = archive(inspected);
      return { deploy, files, bytes, url: dappUrl(dapp!) };
    },
  },
];

function isStaged({ publish }: { readonly [name: string]: string }): boolean {
  if (publish === undefined || publish === 'true') return false;
  if (publish === 'false') return true;
  const mistake = { path: 'publish', message: 'must be true or false' };
  throw errors.error('request.invalid', 'publish must be true or false', { errors: [mistake] });
}

function archive(inspected: InspectedArchive | InspectedImage): InspectedArchive {
  assert(inspected.kind === 'archive', 'the upload was inspected as an archive');
  return inspected;
}
