import { BucketLocationConstraint, CreateBucketCommand, HeadBucketCommand } from '@aws-sdk/client-s3';
import { errors } from '../errors.ts';
import { type Bucket, openBucket } from './bucket.ts';
import { bucketError, statusOf } from './bucket-errors.ts';

const NOT_FOUND = 404;
/** The region that is meant where none is named, and that may not be named. */
const DEFAULT_REGION = 'us-east-1';

/**
 * Makes the bucket of `s3://bucket?endpoint=&region=` where there is none; true if it did.
 * @throws config.invalid, engine.unavailable, engine.misconfigured
 */
export function createBucket(url: string): Promise<boolean> {
  return ensureBucket(openBucket(url), true);
}

/**
 * Makes sure that the bucket can be used, which is made where it is missing and `create` is set; true if it was made.
 * @throws engine.unavailable, engine.misconfigured
 */
export async function ensureBucket({ client, place }: Bucket, create: boolean): Promise<boolean> {
  const Bucket = place.bucket;
  try {
    await client.send(new HeadBucketCommand({ Bucket }));
    return false;
  } catch (error) {
    if (statusOf(error) !== NOT_FOUND) throw bucketError(error, Bucket);
    if (!create) {
      const advice = 'make it with strata init, or start without STRATA_CREATE=never';
      throw errors.error('engine.misconfigured', `there is no bucket ${Bucket}: ${advice}`, { cause: error });
    }
  }
  try {
    await client.send(new CreateBucketCommand({ Bucket, ...locationOf(place.region) }));
    return true;
  } catch (error) {
    // Another member was quicker.
    if (error instanceof Error && error.name === 'BucketAlreadyOwnedByYou') return false;
    throw bucketError(error, Bucket);
  }
}

function locationOf(region: string) {
  if (region === DEFAULT_REGION) return {};
  const known = Object.values(BucketLocationConstraint).find((name) => name === region);
  // Other servers have regions of their own, and make a bucket where they are.
  return known === undefined ? {} : { CreateBucketConfiguration: { LocationConstraint: known } };
}
