import { Composer } from 'yaml'
import { SYNTAX_ERRORS_MAX } from './yaml-tokens.ts'

type Tell = (at: unknown, code: unknown, message: unknown, isWarning: boolean | undefined) => void

/**
 * Makes documents of YAML tokens, each with its first few errors only. The library makes an error object, with a stack, for every stray
 * quote or second anchor of a document: half a million of them stop the program for seconds. It lets nobody bound that, but asks
 * one function of its composer for each.
 */
export function createComposer(): Composer {
  // Duplicate keys are looked for elsewhere: the library's own check is quadratic.
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: 'silent' })
  const telling = composer as unknown as { onError: Tell }
  const tell = telling.onError
  telling.onError = (at, code, message, isWarning) => {
    const { errors, warnings } = composer.streamInfo()
    const told = isWarning ? warnings : errors
    if (told.length < SYNTAX_ERRORS_MAX) tell(at, code, message, isWarning)
  }
  return composer
}
