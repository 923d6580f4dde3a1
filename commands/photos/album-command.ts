import type { z } from 'zod';
import type { EventOf } from '#commands/view.ts';
import { type Command, type CommandDefinition, defineCommand } from '#handling/domain.ts';
import type { AlbumEvents } from './album-events.ts';
import { type Album, albumStream, albumView } from './album-state.ts';
import { photoErrors } from './errors.ts';

export type AlbumEvent = EventOf<AlbumEvents>;

type AlbumCommand<Data> = Pick<CommandDefinition<Data>, 'type' | 'revertOnly' | 'references'> & {
  readonly schema: z.ZodType<Data>;
  /** True for what the server does by itself too. */
  readonly takesSystem?: boolean;
  /** True for what brings a deleted album back. */
  readonly takesDeleted?: boolean;
  readonly decide: (
    command: Command<Data>,
    album: Album,
    references: { readonly [name: string]: unknown },
  ) => readonly AlbumEvent[];
};

/** A command on an album that is there; to an account's key, others' albums are not. */
export function albumCommand<Data extends { readonly album: string }>({
  takesSystem,
  takesDeleted,
  ...definition
}: AlbumCommand<Data>): CommandDefinition {
  return defineCommand<Data, Album | null>({
    ...definition,
    roles: takesSystem === true ? ['admin', 'account', 'system'] : ['admin', 'account'],
    stream: ({ album }) => albumStream(album),
    view: albumView,
    decide: (command, album, references) => {
      const { data, caller } = command;
      const isHidden = caller.role === 'account' && caller.account !== album?.library;
      if (album === null || isHidden || (album.deleted && takesDeleted !== true)) {
        throw photoErrors.error('album.unknown', `there is no album "${data.album}"`);
      }
      return definition.decide(command, album, references);
    },
  });
}
