import type { z } from 'zod';
import type { EventOf } from '#commands/view.ts';
import { type Command, type CommandDefinition, defineCommand } from '#handling/domain.ts';
import { erasedPhoto, photoErrors } from './errors.ts';
import type { PhotoEvents } from './events.ts';
import { photoStream } from './photo-id.ts';
import { type Photo, photoView } from './state.ts';

export type PhotoEvent = EventOf<PhotoEvents>;

type PhotoCommand<Data> = Pick<CommandDefinition<Data>, 'type' | 'revertOnly'> & {
  /** True for what the server does by itself too. */
  readonly takesSystem?: boolean;
  readonly schema: z.ZodType<Data>;
  readonly decide: (command: Command<Data>, photo: Photo) => readonly PhotoEvent[];
};

/** A command on a photo that is there; to an account's key, others' photos are not. */
export function photoCommand<Data extends { readonly photo: string }>({
  takesSystem,
  ...definition
}: PhotoCommand<Data>): CommandDefinition {
  return defineCommand<Data, Photo | null>({
    ...definition,
    roles: takesSystem === true ? ['admin', 'account', 'system'] : ['admin', 'account'],
    stream: ({ photo }) => photoStream(photo),
    view: photoView,
    decide: (command, photo) => {
      const { data, caller } = command;
      if (photo === null || (caller.role === 'account' && caller.account !== photo.library)) {
        throw photoErrors.error('photo.unknown', `there is no photo "${data.photo}"`);
      }
      if (photo.erased) throw erasedPhoto(data.photo);
      return definition.decide(command, photo);
    },
  });
}
