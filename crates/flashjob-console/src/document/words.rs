//! The schemas of what the operator's library says of a job in plain words. Pure.
//!
//! They are written by hand because they are stricter than what schemars derives from the library's types: no field may be null, and
//! none may be unknown. The tests hold real answers against them.

use serde_json::{Value, json};

/// A reference to a part of the status of a FlashJob.
fn of_status(field: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/FlashJob/properties/status/properties/{field}")})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn object(required: &[&str], properties: &Value) -> Value {
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

fn advice() -> Value {
    list(&json!({"$ref": "#/components/schemas/Help"}))
}

fn device_line() -> Value {
    object(
        &["index", "uuid", "phase", "reason", "message"],
        &json!({
            "index": {"type": "integer"}, "uuid": text(), "endpoint": text(), "phase": text(), "reason": text(),
            "message": text(), "since": time(), "until": time(), "ended": time(),
        }),
    )
}

/// A job in plain words.
pub fn explanation() -> Value {
    let class = object(
        &["name", "readable", "suspended"],
        &json!({
            "name": text(), "readable": {"type": "boolean"}, "suspended": {"type": "boolean"}, "refused": text(),
        }),
    );
    let group = object(
        &["reason", "message", "devices"],
        &json!({"reason": text(), "message": text(), "devices": {"type": "integer"}, "until": time()}),
    );
    let next = object(&["what"], &json!({"at": time(), "what": text()}));
    let lines = list(&device_line());
    object(
        &[
            "job",
            "namespace",
            "time",
            "outdated",
            "deleting",
            "counts",
            "inFlight",
            "waiting",
            "notBegun",
            "failed",
            "next",
            "advice",
        ],
        &json!({
            "job": text(), "namespace": text(), "time": time(), "phase": text(), "reason": text(), "message": text(),
            "outdated": {"type": "boolean", "description": "The operator has not looked at the newest spec."},
            "deleting": {"type": "boolean"}, "draining": text(), "finishedAt": time(),
            "round": of_status("round"), "class": class, "step": of_status("step"), "counts": of_status("counts"),
            "inFlight": lines, "waiting": lines, "notBegun": list(&group), "failed": lines, "next": list(&next),
            "advice": advice(),
        }),
    )
}

/// One device of a job in plain words.
pub fn device_explanation() -> Value {
    let selected = object(
        &["uuid"],
        &json!({
            "uuid": text(), "endpoint": text(), "type": text(), "applicationType": text(), "version": text(),
            "instance": text(),
        }),
    );
    let present = object(
        &["instance", "uuid"],
        &json!({"instance": text(), "uuid": text(), "version": text()}),
    );
    object(
        &[
            "job",
            "namespace",
            "time",
            "uuid",
            "phase",
            "reason",
            "message",
            "advice",
        ],
        &json!({
            "job": text(), "namespace": text(), "time": time(), "index": {"type": "integer"}, "uuid": text(),
            "selected": selected, "present": present, "phase": text(), "reason": text(), "message": text(),
            "attempts": {"type": "integer"}, "release": text(), "pod": text(), "fromVersion": text(), "toVersion": text(),
            "startTime": time(), "nextTime": time(), "completionTime": time(),
            "logTail": {"type": "string", "description": "End of the log of the flash."}, "advice": advice(),
        }),
    )
}
