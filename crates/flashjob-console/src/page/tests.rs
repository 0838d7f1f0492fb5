use serde_json::Value;

use super::*;
use crate::view::{StepEntry, Steps};

const MARKUP: &str = "\"></td><script>alert(1)</script><img src=x onerror=alert(2)> ' `";
/// The one script of a page.
const SCRIPT: &str = "<script type=\"module\" src=\"/assets/page.js\"></script>";

/// Every text of a document becomes markup.
fn hostile(value: &mut Value) {
    match value {
        Value::String(text) => *text = MARKUP.to_owned(),
        Value::Array(items) => items.iter_mut().for_each(hostile),
        Value::Object(fields) => fields.values_mut().for_each(hostile),
        _ => {}
    }
}

fn explanation() -> Value {
    json!({
        "phase": "Failed", "reason": "DevicesFailed", "message": "m", "outdated": true, "deleting": true, "draining": "d",
        "class": {"name": "c", "readable": true, "suspended": true, "refused": "r"}, "round": {"number": 1},
        "notBegun": [{"reason": "r", "message": "m", "devices": 3, "until": "2026-11-30T00:00:00Z"}],
        "next": [{"at": "2026-11-30T00:00:00Z", "what": "w"}, {"what": "w"}],
        "advice": [{"why": "to retry", "command": "kubectl"}],
    })
}

fn of_job() -> Value {
    let step = json!({"number": 1, "name": "canary", "state": "Soaking", "devices": 2, "done": 1, "total": 2, "failed": 1, "requiresApproval": true,
        "since": "2026-11-30T00:00:00Z", "endsAt": "2026-11-30T00:10:00Z"});
    let item =
        json!({"step": step, "reached": true, "tone": "read", "leftOut": 1, "soak": "10 min"});
    json!({
        "title": "thermo", "namespace": "demo", "name": "thermo", "now": "2026-11-30T00:00:00Z", "tone": "bad", "job": explanation(),
        "firmware": "f:1", "version": "1", "unseen": "u",
        "plot": {"from": "2026-11-30T00:00:00Z", "to": "2026-11-30T00:01:00Z", "ended": true, "selected": 3, "done": "M0 0", "failed": "M0 0", "untimed": 1}, "approvals": "1.1 by jane",
        "progress": {"selected": 3, "done": 3, "failed": 1, "inFlight": 0, "left": "10 min",
            "shares": [{"tone": "bad", "word": "failed", "devices": 1, "from": 2}]},
        "steps": {"of": 2, "items": [item]},
        "orders": [{"action": "rerun", "label": "Flash all again", "question": "q", "words": "w", "reason": "none", "typed": "3",
            "overrules": true, "body": "{\"all\":true}"}],
        "failures": {"unlisted": 1, "groups": [{"reason": "r", "devices": 1, "message": "m",
            "advice": [{"why": "to retry", "command": "kubectl"}]}]},
        "rows": [{"tone": "bad", "device": {"index": 0, "uuid": "u", "endpoint": "e", "phase": "p", "reason": "r", "message": "m"}}],
        "selected": 100, "matching": 60, "next": 50, "phases": ["Failed"], "shown": {"from": 0, "phase": "Failed", "reason": "r", "q": "q"},
    })
}

fn of_jobs() -> Value {
    json!({
        "title": "FlashJobs", "namespace": "demo", "next": "token", "mayCreate": true, "jobs": [{
            "name": "thermo", "tone": "good", "phase": "Completed", "reason": "r", "message": "m", "done": 3, "selected": 3,
            "failed": 0, "version": "1",
        }],
    })
}

fn of_device() -> Value {
    json!({
        "title": "Device 0", "namespace": "demo", "name": "thermo", "now": "2026-11-30T00:00:00Z", "tone": "bad",
        "device": {
            "uuid": "u", "phase": "Failed", "reason": "r", "message": "m", "release": "flash-u", "fromVersion": "1", "toVersion": "2",
            "selected": {"endpoint": "e", "type": "t", "applicationType": "a", "version": "1"},
            "present": {"instance": "i", "version": "2"}, "advice": [{"why": "w", "command": "c"}],
        },
        "next": "2026-11-30T00:02:00Z", "log": "l", "live": false,
        "moments": [{"at": "2026-11-30T00:00:00Z", "ahead": true, "tone": "bad", "what": "w"}],
        "release": {"facts": {"name": "n", "revision": 1, "status": "failed", "description": "d", "updated": "2026-11-30T00:00:00Z",
            "chart": "c", "foreign": true, "manifest": "m", "isCut": true, "values": [{"place": "/p", "value": "v", "layer": "l"}]}},
        "pod": {"facts": {"name": "n", "phase": "Running", "node": "n", "containers": ["c runs"], "deleting": true}},
        "service": {"facts": null, "whyNot": "w"},
    })
}

fn of_approvals() -> Value {
    json!({
        "title": "Approvals", "namespace": "demo", "now": "2026-11-30T00:00:00Z", "whole": false, "asks": true, "named": "demo", "refused": ["r"],
        "steps": [{
            "namespace": "demo", "name": "thermo", "step": "1.1 (canary)", "since": "2026-11-30T00:00:00Z", "version": "1", "devices": 5,
            "done": 5, "failed": 1, "reasons": ["1 TransferFailed", "1 Other"], "approvals": "1.1 by jane", "message": "m",
        }],
    })
}

fn of_classes() -> Value {
    json!({
        "title": "Classes", "next": "token", "unseen": "u", "now": "2026-11-30T00:00:00Z", "classes": [{
            "facts": {
                "name": "esp32", "isDefault": true, "refused": "r", "stopped": true, "stoppedBy": "jane",
                "stoppedSince": "2026-11-30T00:00:00Z", "activeJobs": 3, "limits": ["l"], "windows": ["w"],
            },
            "usage": [{"what": "w", "used": 1, "max": 2}],
            "weeks": [{"zone": "UTC", "days": [{"name": "Mon", "words": "w", "now": 5, "spans": [{"from": 0, "minutes": 60}]}]}],
            "order": {"action": "stop", "label": "Stop", "question": "q", "words": "w", "reason": "none", "typed": "esp32",
                "overrules": true, "body": "{}"},
        }],
    })
}

fn of_rollout() -> Value {
    json!({
        "title": "New rollout", "namespace": "demo", "mayCreate": true, "matching": 600, "unfit": 1, "most": 500, "fault": "f",
        "shown": {"device": "d", "application": "a", "version": "v", "configuration": "c", "property": "p", "q": "q", "everywhere": "on"},
        "unseen": ["u"], "selector": "{}", "classes": ["c"], "devices": [{
            "uuid": "u", "endpoint": "e", "device": "d", "application": "a", "version": "1", "instance": "i", "busy": "b",
        }],
    })
}

fn of_fleet() -> Value {
    let device = json!({"name": "n", "uuid": "u", "endpoint": "e", "kind": "k", "version": "1", "phase": "Failed", "job": "j", "index": 0});
    json!({
        "title": "Devices", "namespace": "demo", "now": "2026-11-30T00:00:00Z", "shown": {"from": 50, "q": "q"}, "unseen": ["u"], "all": 9,
        "matching": 1, "phases": [{"phase": "Failed", "devices": 1, "tone": "bad"}], "rows": [{"device": device, "tone": "bad"}],
        "next": 100, "kinds": [{"kind": "k", "devices": 1, "versions": [["1", 1]], "others": 1}], "data": "{\"devices\":[]}",
    })
}

fn all() -> [(&'static str, Value); 8] {
    [
        ("rollout.html", of_rollout()),
        ("fleet.html", of_fleet()),
        ("approvals.html", of_approvals()),
        ("classes.html", of_classes()),
        ("job.html", of_job()),
        ("jobs.html", of_jobs()),
        ("device.html", of_device()),
        ("problem.html", json!({"title": "t", "detail": "d"})),
    ]
}

#[test]
fn what_others_wrote_is_never_markup() {
    for (name, mut values) in all() {
        hostile(&mut values);
        let page = template::text(name, &values).unwrap();
        assert!(page.contains("&lt;script&gt;"), "{page}");
        let page = page.replace(SCRIPT, "");
        assert!(
            !page.contains("<script") && !page.contains("<img"),
            "{page}"
        );
        // No attribute ends where such a text says so.
        assert!(!page.contains("=\"\">"), "{page}");
    }
}

#[test]
fn no_page_has_a_style_or_a_script_of_its_own() {
    for (name, values) in all() {
        let page = template::text(name, &values).unwrap();
        assert!(
            !page.contains("style=") && !page.contains("<style"),
            "{page}"
        );
        assert!(!page.replace(SCRIPT, "").contains("<script"), "{page}");
        for handler in ["onclick=", "onload=", "onerror=", "javascript:"] {
            assert!(!page.contains(handler), "{page}");
        }
    }
}

#[test]
fn a_job_of_which_nothing_is_known_yet_has_a_page() {
    let values = json!({
        "title": "thermo", "namespace": "demo", "name": "thermo", "now": "2026-11-30T00:00:00Z", "tone": "patient", "unseen": null,
        "job": {"next": [], "advice": [], "notBegun": []}, "orders": [], "steps": {"of": 0, "items": []},
        "progress": {"selected": 0, "done": 0, "failed": 0, "inFlight": 0, "shares": []},
        "failures": {"groups": [], "unlisted": 0}, "rows": [], "selected": 0, "matching": 0, "phases": ["Failed"],
        "shown": {"from": 0, "phase": "", "reason": "", "q": ""},
    });
    let page = template::text("job.html", &values).unwrap();
    assert!(
        page.contains("<span class=\"mark patient\">New</span>"),
        "{page}"
    );
    assert!(page.contains("None is selected yet."), "{page}");
    assert!(!page.contains("More"), "{page}");
    assert!(!page.contains("data-order="), "{page}");
}

#[test]
fn a_long_rollout_shows_its_ends_and_what_is_near_the_step_that_was_reached() {
    let entry = |number| StepEntry {
        number,
        done: (number == 50).then_some(1),
        ..StepEntry::default()
    };
    let steps = Steps {
        of: 100,
        items: (1..=100).map(entry).collect(),
    };
    let bar = job::bar(steps);
    let shown = bar["items"].as_array().unwrap().iter();
    let shown: Vec<_> = shown
        .map(|item| {
            let number = item["step"]["number"].as_u64().unwrap();
            (number, item["leftOut"].as_u64().unwrap())
        })
        .collect();
    let near = (48..=53).map(|number| (number, 0));
    let expected: Vec<_> = [(1, 0), (47, 45)]
        .into_iter()
        .chain(near)
        .chain([(100, 46)])
        .collect();
    assert_eq!(shown, expected);
}
