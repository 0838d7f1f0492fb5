//! Browsers: a token is pasted once, and a cookie stands for it until the session ends.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response, header::SET_COOKIE},
};
use flashjob_console::{
    cluster::{Address, Desk, Door},
    server::console,
};
use flashjob_operator::cluster::clock::now;
use jiff::Timestamp;
use serde_json::json;
use testbed::{Space, job::job};
use tower::ServiceExt;

use super::asked::{Console, Person, jobs};

/// A form with a token, as a page of the console sends it.
fn form(token: &str) -> Request<Body> {
    Request::post("/login")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
        .body(Body::from(format!("token={token}")))
        .unwrap()
}

/// A request by a cookie, with these headers besides.
fn by_cookie(method: &str, path: &str, cookie: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    request = request.header("cookie", cookie);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Response<Body>) -> String {
    let set = answer.headers()[SET_COOKIE].to_str().unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
        assert!(set.split("; ").any(|part| part == attribute), "{set}");
    }
    set.split(';').next().unwrap().to_owned()
}

async fn text(answer: Response<Body>) -> (u16, String) {
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_reads_with_a_cookie_and_writes_by_a_page_of_the_console_alone() {
    let space = Space::new("console-browsers").await;
    let console = Console::start(space.control_plane);
    let editor = Person::new(&console, &space, "flashjob-editor");
    space.apply(&job("lamps", &[], &json!({})).to_string());
    let entered = console.send(form(&editor.token)).await;
    assert_eq!(entered.status(), 303);
    let cookie = cookie(&entered);
    let ask = async |method: &str, path: &str, headers: &[(&str, &str)]| {
        text(
            console
                .send(by_cookie(method, path, &cookie, headers))
                .await,
        )
        .await
    };

    let list = format!("/namespaces/{}/flashjobs", space.name);
    let (status, page) = ask("GET", &list, &[]).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains(&format!("href=\"{list}/lamps\"")), "{page}");
    let (status, _) = ask("GET", "/namespaces/default/flashjobs", &[]).await;
    assert_eq!(status, 403);
    let (_, page) = ask("GET", "/", &[]).await;
    let name = format!("system:serviceaccount:{}:{}", space.name, "flashjob-editor");
    assert!(page.contains(&name), "{page}");

    let suspend = format!("{}/lamps/actions/suspend", jobs(&space));
    let own = ("x-flashjob-console", "1");
    for headers in [&[][..], &[own, ("sec-fetch-site", "cross-site")]] {
        let (status, body) = ask("POST", &suspend, headers).await;
        assert_eq!(status, 403, "{body}");
    }
    assert!(space.find_job("lamps").unwrap()["spec"]["suspend"].is_null());
    let (status, body) = ask("POST", &suspend, &[own]).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(space.find_job("lamps").unwrap()["spec"]["suspend"], true);

    let (status, _) = ask("POST", "/logout", &[]).await;
    assert_eq!(status, 303);
    let (status, body) = ask("GET", &jobs(&space), &[]).await;
    assert_eq!(status, 401, "{body}");
    let stranger = console.send(form("eyJhbGciOiJub25lIn0.e30.")).await;
    assert!(!stranger.headers().contains_key(SET_COOKIE));
    let (status, page) = text(stranger).await;
    assert_eq!(status, 401, "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_with_its_token() {
    let space = Space::new("console-terms").await;
    let program = Console::start(space.control_plane);
    let viewer = Person::new(&program, &space, "flashjob-viewer");
    let address = Address {
        kubeconfig: Some(space.control_plane.kubeconfig("admin")),
        ..Address::default()
    };
    let door = Door::new(&address.config().await.unwrap()).unwrap();
    let later = Arc::new(AtomicI64::new(0));
    let read = Arc::clone(&later);
    let clock = move || {
        let second = now().as_second() + read.load(Ordering::Relaxed);
        Timestamp::from_second(second).unwrap()
    };
    let console: Router = console(Desk::new(door).with_clock(Arc::new(clock)));
    let send = async |request: Request<Body>| console.clone().oneshot(request).await.unwrap();
    let cookie = cookie(&send(form(&viewer.token)).await);
    let status = async || {
        let request = by_cookie("GET", &jobs(&space), &cookie, &[]);
        send(request).await.status().as_u16()
    };
    assert_eq!(status().await, 200);
    // The token lasts an hour, a session without its end eight: the cookie is of no use any more, though the API server would believe
    // the token by its own clock.
    later.store(3500, Ordering::Relaxed);
    assert_eq!(status().await, 200);
    later.store(3700, Ordering::Relaxed);
    assert_eq!(status().await, 401);
}
