import { createRequire } from 'node:module'

/** The part of fengari's port of the Lua C API that is used here; the package comes without types. */
interface Fengari {
  readonly lua: {
    lua_pushboolean(state: State, value: boolean): void
    lua_pushnumber(state: State, value: number): void
    lua_pushnil(state: State): void
    lua_pushstring(state: State, value: Uint8Array): void
    lua_createtable(state: State, items: number, fields: number): void
    lua_setfield(state: State, index: number, name: Uint8Array): void
    lua_rawseti(state: State, index: number, position: number): void
    lua_setglobal(state: State, name: Uint8Array): void
    lua_getfield(state: State, index: number, name: Uint8Array): number
    lua_tojsstring(state: State, index: number): string
    lua_pop(state: State, count: number): void
    lua_istable(state: State, index: number): boolean
    readonly LUA_OK: number
  }
  readonly lauxlib: {
    luaL_newstate(): State
    luaL_requiref(state: State, name: Uint8Array, open: unknown, isGlobal: number): void
    luaL_dostring(state: State, script: Uint8Array): number
  }
  readonly lualib: { readonly luaopen_base: unknown; readonly luaopen_table: unknown }
  readonly to_luastring: (text: string) => Uint8Array
}
type State = { readonly brand: unique symbol }

const { lua, lauxlib, lualib, to_luastring: bytes } = createRequire(import.meta.url)('fengari') as Fengari

/**
 * Runs a health check as Argo CD does: a fresh interpreter with the base and table libraries and nothing else, the object as the
 * global `obj`, a table with texts as the answer. (argo-cd, util/lua/lua.go)
 */
export function runHealthLua(script: string, object: unknown): { status: string; message: string } {
  const state = lauxlib.luaL_newstate()
  for (const [name, open] of [
    ['_G', lualib.luaopen_base],
    ['table', lualib.luaopen_table],
  ] as const) {
    lauxlib.luaL_requiref(state, bytes(name), open, 1)
    lua.lua_pop(state, 1)
  }
  push(state, object)
  lua.lua_setglobal(state, bytes('obj'))
  if (Number(lauxlib.luaL_dostring(state, bytes(script))) !== lua.LUA_OK) throw new Error(lua.lua_tojsstring(state, -1))
  if (!lua.lua_istable(state, -1)) throw new Error('the script returns no table')
  return { status: field(state, 'status'), message: field(state, 'message') }
}

function field(state: State, name: string): string {
  lua.lua_getfield(state, -1, bytes(name))
  const text = lua.lua_tojsstring(state, -1)
  lua.lua_pop(state, 1)
  return text
}

function push(state: State, value: unknown): void {
  if (typeof value === 'string') lua.lua_pushstring(state, bytes(value))
  else if (typeof value === 'number') lua.lua_pushnumber(state, value)
  else if (typeof value === 'boolean') lua.lua_pushboolean(state, value)
  else if (typeof value === 'object' && value !== null) pushTable(state, value)
  else lua.lua_pushnil(state)
}

function pushTable(state: State, value: object): void {
  lua.lua_createtable(state, 0, 0)
  if (Array.isArray(value))
    value.forEach((item: unknown, index) => {
      push(state, item)
      lua.lua_rawseti(state, -2, index + 1)
    })
  else
    for (const [name, inner] of Object.entries(value)) {
      push(state, inner)
      lua.lua_setfield(state, -2, bytes(name))
    }
}
