//! The host's functions. What the host hands over lies in memory that it had allocated by
//! `proxy_on_memory_allocate`, a vector of just that capacity, which this side owns from then on.

use core::ptr::null_mut;

use crate::filter::host::HostFault;
use crate::filter::numbers::{HTTP_REQUEST, OK, REQUEST_HEADERS};
use crate::filter::pairs;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_log_level(level: *mut u32) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        longest: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, size: usize) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        fields: *const u8,
        fields_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        size: usize,
        version: u32,
    ) -> u32;
    fn proxy_register_shared_queue(name: *const u8, size: usize, queue: *mut u32) -> u32;
    fn proxy_enqueue_shared_queue(queue: u32, value: *const u8, size: usize) -> u32;
    fn proxy_dequeue_shared_queue(queue: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, size: usize, metric: *mut u32) -> u32;
    fn proxy_increment_metric(metric: u32, offset: i64) -> u32;
    fn proxy_record_metric(metric: u32, value: u64) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        fields: *const u8,
        fields_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout: u32,
        call: *mut u32,
    ) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        arguments: *const u8,
        arguments_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
}

fn done(call: &'static str, status: u32) -> Result<(), HostFault> {
    if status == OK { Ok(()) } else { Err(HostFault { call, status }) }
}

/// Calls a function that hands over bytes.
fn bytes(
    call: &'static str,
    host: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
) -> Result<Vec<u8>, HostFault> {
    let mut data = null_mut();
    let mut size = 0;
    let status = host(&raw mut data, &raw mut size);
    done(call, status)?;
    if data.is_null() || size == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: not null, and allocated by `proxy_on_memory_allocate` as a vector with the capacity `size`.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

pub(in crate::filter) fn log(level: u32, line: &str) {
    // A log line that is lost is lost.
    // SAFETY: the host reads `line` during the call.
    let _ = unsafe { proxy_log(level, line.as_ptr(), line.len()) };
}

pub(in crate::filter) fn log_level() -> Result<u32, HostFault> {
    let mut level = 0;
    // SAFETY: the host writes one number during the call.
    done("proxy_get_log_level", unsafe { proxy_get_log_level(&raw mut level) }).map(|()| level)
}

pub(in crate::filter) fn set_tick_period(milliseconds: u32) -> Result<(), HostFault> {
    // SAFETY: passes a number.
    done("proxy_set_tick_period_milliseconds", unsafe { proxy_set_tick_period_milliseconds(milliseconds) })
}

pub(in crate::filter) fn buffer(kind: u32, longest: usize) -> Result<Vec<u8>, HostFault> {
    // SAFETY: see `bytes`.
    bytes("proxy_get_buffer_bytes", |data, size| unsafe {
        proxy_get_buffer_bytes(kind, 0, longest, data, size)
    })
}

pub(in crate::filter) fn fields(map: u32) -> Result<Vec<u8>, HostFault> {
    // SAFETY: see `bytes`.
    bytes("proxy_get_header_map_pairs", |data, size| unsafe { proxy_get_header_map_pairs(map, data, size) })
}

pub(in crate::filter) fn replace_request_field(name: &str, value: &str) -> Result<(), HostFault> {
    // SAFETY: the host reads both texts during the call.
    let status = unsafe {
        proxy_replace_header_map_value(
            REQUEST_HEADERS,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    };
    done("proxy_replace_header_map_value", status)
}

pub(in crate::filter) fn remove_field(map: u32, name: &str) -> Result<(), HostFault> {
    // SAFETY: the host reads the name during the call.
    let status = unsafe { proxy_remove_header_map_value(map, name.as_ptr(), name.len()) };
    done("proxy_remove_header_map_value", status)
}

pub(in crate::filter) fn property(path: &[&str]) -> Result<Vec<u8>, HostFault> {
    let path = path.join("\0");
    // SAFETY: the host reads the path during the call; see `bytes`.
    bytes("proxy_get_property", |data, size| unsafe {
        proxy_get_property(path.as_ptr(), path.len(), data, size)
    })
}

pub(in crate::filter) fn set_property(name: &str, value: &str) -> Result<(), HostFault> {
    // SAFETY: the host reads both texts during the call.
    let status = unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
    done("proxy_set_property", status)
}

pub(in crate::filter) fn continue_request() -> Result<(), HostFault> {
    // SAFETY: passes a number.
    done("proxy_continue_stream", unsafe { proxy_continue_stream(HTTP_REQUEST) })
}

pub(in crate::filter) fn send_local_response(
    status: u16,
    details: &str,
    body: &str,
    fields: &[u8],
    grpc_status: Option<u8>,
) -> Result<(), HostFault> {
    // SAFETY: the host reads all texts during the call.
    let answered = unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            fields.as_ptr(),
            fields.len(),
            grpc_status.map_or(-1, i32::from),
        )
    };
    done("proxy_send_local_response", answered)
}

pub(in crate::filter) fn set_effective_context(context: u32) -> Result<(), HostFault> {
    // SAFETY: passes a number.
    done("proxy_set_effective_context", unsafe { proxy_set_effective_context(context) })
}

pub(in crate::filter) fn shared_data(key: &str) -> Result<(Vec<u8>, u32), HostFault> {
    let mut version = 0;
    // SAFETY: the host reads the key and writes one number during the call; see `bytes`.
    let value = bytes("proxy_get_shared_data", |data, size| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut version)
    })?;
    Ok((value, version))
}

pub(in crate::filter) fn set_shared_data(key: &str, value: &[u8], version: u32) -> Result<(), HostFault> {
    // SAFETY: the host reads both during the call.
    let status =
        unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version) };
    done("proxy_set_shared_data", status)
}

pub(in crate::filter) fn register_queue(name: &str) -> Result<u32, HostFault> {
    let mut queue = 0;
    // SAFETY: the host reads the name and writes one number during the call.
    let status = unsafe { proxy_register_shared_queue(name.as_ptr(), name.len(), &raw mut queue) };
    done("proxy_register_shared_queue", status).map(|()| queue)
}

pub(in crate::filter) fn enqueue(queue: u32, value: &[u8]) -> Result<(), HostFault> {
    // SAFETY: the host reads the value during the call.
    done("proxy_enqueue_shared_queue", unsafe {
        proxy_enqueue_shared_queue(queue, value.as_ptr(), value.len())
    })
}

pub(in crate::filter) fn dequeue(queue: u32) -> Result<Vec<u8>, HostFault> {
    // SAFETY: see `bytes`.
    bytes("proxy_dequeue_shared_queue", |data, size| unsafe { proxy_dequeue_shared_queue(queue, data, size) })
}

pub(in crate::filter) fn record(metric: u32, value: u64) -> Result<(), HostFault> {
    // SAFETY: passes numbers.
    done("proxy_record_metric", unsafe { proxy_record_metric(metric, value) })
}

pub(in crate::filter) fn define_metric(kind: u32, name: &str) -> Result<u32, HostFault> {
    let mut metric = 0;
    // SAFETY: the host reads the name and writes one number during the call.
    let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut metric) };
    done("proxy_define_metric", status).map(|()| metric)
}

pub(in crate::filter) fn increment(metric: u32, by: i64) -> Result<(), HostFault> {
    // SAFETY: passes numbers.
    done("proxy_increment_metric", unsafe { proxy_increment_metric(metric, by) })
}

pub(in crate::filter) fn call_foreign(name: &str, arguments: &[u8]) -> Result<Vec<u8>, HostFault> {
    // SAFETY: the host reads name and arguments during the call; see `bytes`.
    bytes("proxy_call_foreign_function", |data, size| unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            arguments.as_ptr(),
            arguments.len(),
            data,
            size,
        )
    })
}

/// Sends a request to `cluster`; `timeout` is in milliseconds. The number of the call, which comes back with its reply.
pub(in crate::filter) fn http_call(
    cluster: &str,
    fields: &[u8],
    body: &str,
    timeout: u32,
) -> Result<u32, HostFault> {
    let trailers = pairs::write(&[]);
    let mut call = 0;
    // SAFETY: the host reads all texts and writes one number during the call.
    let status = unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            fields.as_ptr(),
            fields.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            timeout,
            &raw mut call,
        )
    };
    done("proxy_http_call", status).map(|()| call)
}
