/** The compiler, as the rest of control uses it. */
export { type Affected, type Compiler, compile, createCompiler } from "./compile.ts";
export type {
  CompiledObject,
  CompiledOwner,
  CompiledServiceConfig,
  CompiledWorkloadConfig,
} from "./compiled.ts";
export {
  type Change,
  defaultSettings,
  type InputKind,
  type Inputs,
  type MeshSettings,
  type Snapshot,
} from "./inputs.ts";
