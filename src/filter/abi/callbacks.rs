//! The callbacks of Proxy-Wasm ABI 0.2.1 that the filter has something to do in. The host calls whatever is exported,
//! several times a request: what is not needed is not here.

use crate::filter::contexts;
use crate::filter::numbers::{CONTINUE, PAUSE};
use crate::filter::skin::Hold;

unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// The C library's constructors; called once, before everything else.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the linker makes this function for just this call.
    unsafe { __wasm_call_ctors() };
}

/// Says by its name which ABI this is.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Memory for what the host hands over; [`super::calls`] takes it back as a vector of just this capacity.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    let mut memory = core::mem::ManuallyDrop::new(Vec::<u8>::with_capacity(size));
    memory.as_mut_ptr()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    contexts::create(context, parent);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_context: u32, _size: usize) -> u32 {
    true.into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(context: u32, _size: usize) -> u32 {
    contexts::configure(context).into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(context: u32) {
    contexts::tick(context);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_queue_ready(context: u32, queue: u32) {
    contexts::queue_ready(context, queue);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    context: u32,
    call: u32,
    fields: usize,
    _body_size: usize,
    _trailers: usize,
) {
    contexts::reply(context, call, fields);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _fields: usize, _end_of_stream: u32) -> u32 {
    action(contexts::request_head(context))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(context: u32, _size: usize, _end_of_stream: u32) -> u32 {
    action(contexts::request_rest(context))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(context: u32, _fields: usize) -> u32 {
    action(contexts::request_trailers(context))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    contexts::delete(context);
}

const fn action(hold: Hold) -> u32 {
    match hold {
        Hold::Release => CONTINUE,
        Hold::Keep => PAUSE,
    }
}
