//! Swagger UI: "Try it out" creates, changes and deletes a FlashJob with the token that a person entered under "Authorize".

use fantoccini::key::Key;
use serde_json::json;
use testbed::{Space, job::job};

use super::driver::Browser;
use crate::asked::{Console, Person};

/// Opens an operation, gives it its parameters and its body, and executes it. The page is React's: it hears of a text by an event.
async fn execute(
    browser: &Browser,
    operation: &str,
    parameters: &[(&str, &str)],
    body: Option<&str>,
) {
    let block = format!("#operations-FlashJobs-{operation}");
    browser
        .click(&format!("{block} .opblock-summary-control"))
        .await;
    let ready = format!(
        "document.querySelector({:?})",
        format!("{block} button.execute")
    );
    browser.until("the button Execute", &ready).await;
    if let Some(body) = body {
        let field = json!(format!("{block} textarea.body-param__text"));
        let script = format!(
            "const field = document.querySelector({field});
             Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set.call(field, {});
             field.dispatchEvent(new Event('input', {{ bubbles: true }}));",
            json!(body)
        );
        browser.run(&script).await;
    }
    for (name, value) in parameters {
        let field = format!("{block} tr[data-param-name='{name}'] input");
        browser.type_into(&field, value).await;
        // The page takes a value over when the field is left.
        browser.press(Key::Tab).await;
    }
    // Not by the mouse: the page still moves while an operation opens.
    let click = format!(
        "document.querySelector({}).click();",
        json!(format!("{block} button.execute"))
    );
    browser.run(&click).await;
}

/// Waits for the status of the answer to an operation.
async fn answers(browser: &Browser, operation: &str, status: &str) {
    let part = format!(
        "#operations-FlashJobs-{operation} .live-responses-table tbody td.response-col_status"
    );
    browser.shows(&part, status).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_creates_changes_and_deletes_a_flashjob_by_trying_it_out() {
    let space = Space::new("console-tries").await;
    let console = Console::start(space.control_plane);
    let editor = Person::new(&console, &space, "flashjob-editor");
    let browser = Browser::start(space.control_plane, &console).await;
    browser.open("/docs/").await;
    browser
        .until(
            "operations",
            "document.querySelector('#operations-FlashJobs-createFlashJob')",
        )
        .await;
    browser.click("button.authorize").await;
    browser
        .type_into(".auth-container input", &editor.token)
        .await;
    browser.click(".auth-container button.authorize").await;
    browser.click(".auth-container button.btn-done").await;

    let place = [("namespace", space.name.as_str())];
    let new = job("tried", &[], &json!({"parallelism": 2})).to_string();
    execute(&browser, "createFlashJob", &place, Some(&new)).await;
    answers(&browser, "createFlashJob", "201").await;
    assert_eq!(space.job("tried").0["spec"]["parallelism"], 2);

    let named = [("namespace", space.name.as_str()), ("name", "tried")];
    // Of the kinds of patches the page offers JSON patches first.
    let change = json!([{"op": "replace", "path": "/spec/parallelism", "value": 3}]).to_string();
    execute(&browser, "patchFlashJob", &named, Some(&change)).await;
    answers(&browser, "patchFlashJob", "200").await;
    assert_eq!(space.job("tried").0["spec"]["parallelism"], 3);

    execute(&browser, "deleteFlashJob", &named, None).await;
    answers(&browser, "deleteFlashJob", "200").await;
    assert!(space.find_job("tried").is_none());
    browser.assert_no_complaints().await;
}
