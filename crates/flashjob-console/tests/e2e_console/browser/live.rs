//! People see only the buttons that they may use, and an open page follows the job.

use fantoccini::key::Key;
use serde_json::json;
use testbed::{Space, job::job};

use super::{driver::Browser, page, rollout, says};
use crate::asked::{Console, Person};

const MARKUP: &str = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_has_no_buttons_and_hostile_words_that_come_live_stay_words() {
    let space = Space::new("console-looks").await;
    let console = Console::start(space.control_plane);
    let viewer = Person::new(&console, &space, "flashjob-viewer");
    space.apply(&job("rollout", &[], &json!({})).to_string());
    let browser = Browser::start(space.control_plane, &console).await;
    browser.sign_in(&viewer).await;
    browser.open(&page(&space)).await;
    browser.shows("#stream", "Live").await;
    // The page reloads its content at the first change.
    let device = json!({
        "index": 0, "uuid": MARKUP, "hostEndpoint": MARKUP, "phase": "Failed", "reason": "TransferFailed", "message": MARKUP, "attempts": 1,
        "logTail": MARKUP,
    });
    let step = json!({"id": "1.1", "name": MARKUP, "of": 2, "devices": 1, "done": 1, "failed": 0, "state": "AwaitingApproval"});
    says(
        &space,
        "rollout",
        &json!({
            "observedGeneration": 1, "phase": "Running", "reason": "InProgress", "message": format!("now {MARKUP}"),
            "round": {"number": 1, "firmware": MARKUP, "version": MARKUP}, "step": step,
            "selection": {"count": 1, "hash": "00"}, "counts": {"selected": 1, "failed": 1}, "devices": [device],
        }),
    );
    let now = format!("now {MARKUP}");
    browser.shows("#live-job", &now).await;
    browser.shows("#live-devices", MARKUP).await;
    let made =
        "return document.querySelectorAll('img, script:not([src=\"/assets/page.js\"])').length;";
    assert_eq!(browser.run(made).await, 0);
    let buttons = "return document.querySelectorAll('button[data-order]').length;";
    assert_eq!(browser.run(buttons).await, 0);
    browser.click("#live-devices tbody a").await;
    browser.shows("#live-device", MARKUP).await;
    assert_eq!(browser.run(made).await, 0);
    browser.assert_no_complaints().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_editor_suspends_by_a_button_and_resumes_by_the_keyboard_alone() {
    let space = Space::new("console-buttons").await;
    let console = Console::start(space.control_plane);
    let editor = Person::new(&console, &space, "flashjob-editor");
    let _running = rollout(&space).await;
    let browser = Browser::start(space.control_plane, &console).await;
    browser.sign_in(&editor).await;
    browser.open(&page(&space)).await;
    browser.shows("#stream", "Live").await;
    browser.shows(".reached", "Waits for approval").await;
    // To change a job is not to approve it.
    assert!(!browser.has("#order-approve").await);

    browser.click("#order-suspend").await;
    let words = "No new device starts until somebody resumes it. No device is in flight.";
    browser.shows("#order", words).await;
    browser.click("#order-no").await;
    assert!(!browser.has("#order").await);
    assert!(space.job("rollout").0["spec"]["suspend"].is_null());
    browser.click("#order-suspend").await;
    browser.click("#order-yes").await;
    let said = "Done: suspended; nothing of it is in flight";
    browser.shows("#said", said).await;
    browser.shows("#live-job .state", "Suspended").await;
    assert!(!browser.has("#order-suspend").await);

    let focus = "document.activeElement?.id === 'order-resume'";
    for _ in 0..60 {
        browser.press(Key::Tab).await;
        if browser.run(&format!("return {focus};")).await == true {
            break;
        }
    }
    browser.until("focus on the button", focus).await;
    browser.press(Key::Enter).await;
    browser
        .until("question", "document.getElementById('order').open")
        .await;
    browser.shows("#order", "The job goes on").await;
    let confirms = "document.activeElement?.id === 'order-yes'";
    browser.until("focus on the answer", confirms).await;
    browser.press(Key::Enter).await;
    browser.shows("#said", "Done: resumed").await;
    browser
        .until("suspend button", "document.getElementById('order-suspend')")
        .await;

    // What somebody else has suspended stays so, and the API says who it is.
    space.patch_spec("rollout", &json!({"suspend": true}));
    browser
        .until("resume button", "document.getElementById('order-resume')")
        .await;
    browser.click("#order-resume").await;
    browser.shows("#order", "has suspended it, too").await;
    browser.click("#order-yes").await;
    browser.shows("#order-problem", "stays suspended by").await;
    browser.click("#order-force").await;
    browser.click("#order-yes").await;
    browser.shows("#said", "Done: resumed").await;
    browser
        .until(
            "end of the question",
            "!document.getElementById('order').open",
        )
        .await;
    // The browser's log has the refusal, and nothing else.
    let complaints = browser.complaints().await;
    assert_eq!(complaints.len(), 1, "{complaints:#?}");
    assert!(complaints[0].contains("409 (Conflict)"), "{complaints:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approver_says_why_and_sees_the_rollout_end_without_loading_the_page_again() {
    let space = Space::new("console-decides").await;
    let console = Console::start(space.control_plane);
    let approver = Person::new(&console, &space, "flashjob-approver");
    let _running = rollout(&space).await;
    let browser = Browser::start(space.control_plane, &console).await;
    browser.sign_in(&approver).await;
    browser.open(&page(&space)).await;
    browser.shows("#stream", "Live").await;
    browser.run("window.kept = true;").await;

    // A denial needs a reason: without one nothing is sent.
    browser.click("#order-deny").await;
    browser.click("#order-yes").await;
    browser
        .until(
            "question that waits",
            "document.getElementById('order').open",
        )
        .await;
    browser.press(Key::Escape).await;
    browser
        .until(
            "end of the question",
            "!document.getElementById('order').open",
        )
        .await;
    browser.click("#order-approve").await;
    browser
        .shows(
            "#order",
            "You approve step 1.1 (canary): 1 of 1 devices done, 0 failed.",
        )
        .await;
    browser.type_into("#order-reason", "it hums").await;
    browser.keep("approve").await;
    browser.click("#order-yes").await;
    browser
        .shows("#said", "Done: approved step 1.1 (canary)")
        .await;
    browser.shows("#live-job .state", "Completed").await;
    browser
        .shows("#done", "3 of 3 devices done, 0 failed")
        .await;
    assert_eq!(
        space.job("rollout").0["spec"]["approval"]["reason"],
        "it hums"
    );
    // To flash all again, the number of devices is typed.
    browser.click("#order-rerun").await;
    browser.type_into("#order-typed", "2").await;
    browser.click("#order-yes").await;
    browser.shows("#order-problem", "Type 3 to go on.").await;
    assert_eq!(browser.run("return window.kept;").await, true);
    assert_eq!(space.job("rollout").0["status"]["round"]["number"], 1);
    browser.assert_no_complaints().await;
}
