//! Draws the console into docs/pictures, or where `FLASHJOB_SCREENSHOTS` says: `make screenshots`.

use std::path::{Path, PathBuf};

use serde_json::json;
use testbed::Space;

use super::{driver::Browser, many::many, page};
use crate::asked::{Console, Person, editor_of_devices};

/// Most bytes of a picture.
const MOST: u64 = 150_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes docs/pictures"]
async fn the_pictures_of_the_console_are_drawn() {
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures");
    let pictures = std::env::var_os("FLASHJOB_SCREENSHOTS").map_or(documents, PathBuf::from);
    let space = Space::new("sensors").await;
    let console = Console::start(space.control_plane);
    let asking = editor_of_devices(&space);
    let editor = Person::of(&console, &asking);
    many(&space, 1500).await;
    let browser = Browser::start(space.control_plane, &console).await;
    browser.sign_in(&editor).await;
    for dark in [false, true] {
        browser.on_a_screen(1100, dark).await;
        browser
            .open(&format!("/namespaces/{}/fleet", space.name))
            .await;
        let drawn = "document.getElementById('fleet-cells').dataset.devices === '1500'";
        browser.until("cells", drawn).await;
        browser.shows("#stream", "Live").await;
        let kind = if dark { "dark" } else { "light" };
        // The namespace of a test has a number in its name.
        let words = json!(space.name);
        let rename = format!(
            "for (const part of document.querySelectorAll('nav a, h1')) part.textContent = part.textContent.replace({words}, 'sensors');"
        );
        browser.run(&rename).await;
        browser
            .run("document.getElementById('part-cells').scrollIntoView();")
            .await;
        browser.run("window.scrollBy(0, -420);").await;
        drawn_small(
            &browser,
            &pictures.join(format!("console-fleet-{kind}.png")),
        )
        .await;
        browser.open(&page(&space)).await;
        browser.shows("#stream", "Live").await;
        browser.run(&rename).await;
        drawn_small(&browser, &pictures.join(format!("console-job-{kind}.png"))).await;
    }
}

async fn drawn_small(browser: &Browser, path: &Path) {
    browser.draw(path).await;
    let bytes = std::fs::metadata(path).expect("a picture").len();
    assert!(bytes < MOST, "{}: {bytes} bytes", path.display());
}
