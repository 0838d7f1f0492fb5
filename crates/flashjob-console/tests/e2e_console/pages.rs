//! Pages for people: what they show to whom, and that nothing in them acts.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request},
};
use serde_json::json;
use testbed::{Params, Space, job::job};

use super::asked::{Console, Person};

/// The one script of a page.
const SCRIPT: &str = "<script type=\"module\" src=\"/assets/page.js\"></script>";

/// A page: its status, its headers and its text.
async fn shown(console: &Console, request: Request<Body>) -> (u16, HeaderMap, String) {
    let answer = console.send(request).await;
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    let text = String::from_utf8(body.to_vec()).expect("text");
    (parts.status.as_u16(), parts.headers, text)
}

async fn of(person: &Person<'_>, path: &str) -> (u16, HeaderMap, String) {
    let request = person.request("GET", path).body(Body::empty());
    shown(person.console, request.expect("a request")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_sees_the_jobs_of_a_namespace_and_what_became_of_one() {
    let space = Space::new("console-sights").await;
    let fleet = space
        .fleet(Params {
            devices: 3,
            flash_seconds: 0.5,
            exit1_share: 0.34,
            ..Params::default()
        })
        .await;
    let console = Console::start(space.control_plane);
    let user = Person::new(&console, &space, "flashjob-user");
    let _operator = space.operator(&["--engine", "native"]);
    space.apply(&job("lamps", &fleet.uuids(), &json!({})).to_string());
    space.finished("lamps", 120).await;
    let list = format!("/namespaces/{}/flashjobs", space.name);
    let (status, headers, page) = of(&user, &list).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(
        headers["content-security-policy"],
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    assert!(page.contains(&format!("href=\"{list}/lamps\"")), "{page}");
    assert!(
        page.contains("<span class=\"mark bad\">Failed</span> DevicesFailed"),
        "{page}"
    );
    let (status, _, page) = of(&user, &format!("{list}/lamps")).await;
    assert_eq!(status, 200, "{page}");
    assert!(
        page.contains("3 of 3 devices done, 1 failed, 0 in flight"),
        "{page}"
    );
    let retry = format!(
        "<code>kubectl flashjob retry lamps -n {}</code>",
        space.name
    );
    assert!(page.contains(&retry), "{page}");
    assert!(page.contains("What failed</h2>"), "{page}");
    for uuid in fleet.uuids() {
        assert!(page.contains(&format!(">{uuid}</td>")), "{page}");
    }
    let (status, headers, style) = of(&user, "/assets/console.css").await;
    assert_eq!(
        (status, headers["content-type"].to_str().unwrap()),
        (200, "text/css")
    );
    assert!(style.contains(".bad"), "{style}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_words_of_a_status_are_shown_as_words_and_refusals_are_pages() {
    const MARKUP: &str = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>";
    let space = Space::new("console-words").await;
    let console = Console::start(space.control_plane);
    let viewer = Person::new(&console, &space, "flashjob-viewer");
    space.apply(&job("a", &[], &json!({})).to_string());
    let status = json!({"status": {"phase": "Running", "reason": "InProgress", "message": MARKUP}})
        .to_string();
    let patch = [
        "patch",
        "flashjob",
        "a",
        "--subresource=status",
        "--type=merge",
        "-p",
    ];
    space.kubectl(&[&patch[..], &[&status]].concat());
    let list = format!("/namespaces/{}/flashjobs", space.name);
    for path in [list.clone(), format!("{list}/a")] {
        let (status, _, page) = of(&viewer, &path).await;
        assert_eq!(status, 200, "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;"), "{page}");
        let page = page.replace(SCRIPT, "");
        assert!(
            !page.contains("<script") && !page.contains("<img"),
            "{page}"
        );
    }
    let (status, headers, page) = of(&viewer, "/namespaces/default/flashjobs").await;
    assert_eq!(status, 403);
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert!(page.contains("cannot list resource"), "{page}");
    let (status, _, page) = of(&viewer, &format!("{list}/nobody")).await;
    assert_eq!(status, 404, "{page}");
    let nobody = Request::get(&list).body(Body::empty()).unwrap();
    let (status, headers, page) = shown(&console, nobody).await;
    assert_eq!(status, 401);
    assert!(headers.contains_key("www-authenticate"));
    assert!(page.contains("<h1>Unauthorized</h1>"), "{page}");
}
