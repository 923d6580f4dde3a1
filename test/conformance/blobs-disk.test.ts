import { join } from 'node:path';
import { openDiskBlobs } from '#blobs/disk.ts';
import { blobStoreSuite } from './blob-store.suite.ts';
import { tempFolder } from './open-log.ts';

blobStoreSuite('the disk', { create: async () => openDiskBlobs({ dir: join(tempFolder(), 'blobs') }) });
