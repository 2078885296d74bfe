;; A filter that holds every request and traps at its next tick: what is left of one that died while requests waited.
;; TRAP in beside.rs is this, as wasm-as makes it.
(module
 (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
 (memory (export "memory") 2)
 (global $heap (mut i32) (i32.const 1024))
 (global $waits (mut i32) (i32.const 0))
 (func (export "proxy_abi_version_0_2_1"))
 (func (export "_initialize"))
 (func (export "proxy_on_memory_allocate") (param $n i32) (result i32) (local $p i32)
   (local.set $p (global.get $heap)) (global.set $heap (i32.add (global.get $heap) (local.get $n))) (local.get $p))
 (func (export "proxy_on_context_create") (param i32 i32))
 (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
 (func (export "proxy_on_configure") (param i32 i32) (result i32) (drop (call $tick (i32.const 300))) (i32.const 1))
 (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (global.set $waits (i32.const 1)) (i32.const 1))
 (func (export "proxy_on_tick") (param i32) (if (global.get $waits) (then unreachable)))
)
