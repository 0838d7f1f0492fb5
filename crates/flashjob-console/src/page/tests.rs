use serde_json::Value;

use super::*;

const MARKUP: &str = "\"></td><script>alert(1)</script><img src=x onerror=alert(2)> ' `";

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
        "phase": "Failed", "reason": "DevicesFailed", "message": "m", "counts": {"selected": 3, "failed": 1, "inFlight": 0},
        "step": {"id": "1.1", "of": 2, "state": "Running", "done": 1, "devices": 2},
        "next": [{"at": "2026-11-30T00:00:00Z", "what": "w"}, {"what": "w"}],
        "advice": [{"why": "to retry", "command": "kubectl"}],
    })
}

fn of_job() -> Value {
    json!({
        "title": "thermo", "namespace": "demo", "tone": "bad", "job": explanation(), "done": 3, "unseen": "u",
        "failures": {"groups": [{"reason": "r", "devices": 1, "message": "m"}]},
        "devices": {"items": [{"index": 0, "uuid": "u", "endpoint": "e", "phase": "p", "reason": "r", "message": "m"}], "next": 50},
    })
}

fn of_jobs() -> Value {
    json!({
        "title": "FlashJobs", "namespace": "demo", "next": "token", "jobs": [{
            "name": "thermo", "tone": "good", "phase": "Completed", "reason": "r", "message": "m", "done": 3, "selected": 3,
            "failed": 0, "version": "1",
        }],
    })
}

#[test]
fn what_others_wrote_is_never_markup() {
    let refusal = json!({"title": "t", "detail": "d"});
    for (name, mut values) in [
        ("job.html", of_job()),
        ("jobs.html", of_jobs()),
        ("problem.html", refusal),
    ] {
        hostile(&mut values);
        let page = template::text(name, &values).unwrap();
        assert!(page.contains("&lt;script&gt;"), "{page}");
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
    for (name, values) in [("job.html", of_job()), ("jobs.html", of_jobs())] {
        let page = template::text(name, &values).unwrap();
        assert!(
            !page.contains("style=") && !page.contains("<style"),
            "{page}"
        );
        assert!(!page.contains("<script"), "{page}");
        for handler in ["onclick=", "onload=", "onerror=", "javascript:"] {
            assert!(!page.contains(handler), "{page}");
        }
    }
}

#[test]
fn a_job_of_which_nothing_is_known_yet_has_a_page() {
    let values = json!({
        "title": "thermo", "namespace": "demo", "tone": "patient", "done": 0, "unseen": null,
        "job": {"counts": {"selected": 0, "failed": 0, "inFlight": 0}, "next": [], "advice": []},
        "failures": {"groups": []}, "devices": {"items": []},
    });
    let page = template::text("job.html", &values).unwrap();
    assert!(
        page.contains("<span class=\"patient\">New</span>"),
        "{page}"
    );
    assert!(page.contains("None is selected yet."), "{page}");
    assert!(!page.contains("More"), "{page}");
}
