//! What the pages cost with 10 000 devices, and 200 open streams of events: `make bench BENCH=console`. Prints figures, and asserts
//! nothing but that everything is there.

use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream};
use futures::{StreamExt, future::join_all};
use serde_json::{Value, json};
use testbed::{Asking, Space};

use super::{driver::Browser, many::many, page, says};
use crate::asked::{Console, Person};

const DEVICES: usize = 10_000;
const STREAMS: usize = 200;
const MEBIBYTE: f64 = 1_048_576.0;

/// Frames while something is done in each of them, for three seconds.
const FRAMES: &str = "
    const done = arguments[arguments.length - 1];
    const work = WORK;
    let frames = 0, longest = 0, last = 0, first = 0;
    const frame = (now) => {
        if (!first) { first = now; } else { frames += 1; longest = Math.max(longest, now - last); }
        last = now;
        if (now - first > 3000) { done({ rate: frames / ((now - first) / 1000), longest }); return; }
        work(frames);
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);";
/// Down the page and up again.
const SCROLLS: &str = "(at) => { const rest = document.documentElement.scrollHeight - innerHeight;
    window.scrollTo(0, rest * Math.abs(Math.sin(at / 40))); }";
/// Another filter in each frame.
const FILTERS: &str = "(at) => { const q = document.getElementById('q'); q.value = ['', 'e', 'esp', 'esp32', 'failed', '2.4'][at % 6];
    q.dispatchEvent(new Event('input', { bubbles: true })); }";
const NOTHING: &str = "() => {}";
const LOADED: &str = "
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    const page = performance.getEntriesByType('navigation')[0];
    return { paint: paint?.startTime, answer: page.responseEnd, interactive: page.domInteractive, loaded: page.loadEventEnd,
        heap: performance.memory.usedJSHeapSize, bytes: page.decodedBodySize, cells: performance.getEntriesByName('cells')[0]?.startTime };";

async fn frames(browser: &Browser, what: &str, work: &str) {
    let said = browser.run_async(&FRAMES.replace("WORK", work)).await;
    let number = |name: &str| said[name].as_f64().expect("a number");
    println!(
        "  {what}: {:.0} frames a second, the longest {:.0} ms",
        number("rate"),
        number("longest")
    );
}

async fn page_of(browser: &Browser, what: &str, path: &str, ready: &str) {
    browser.open(path).await;
    browser.until(what, ready).await;
    let told: Value = browser.run(LOADED).await;
    let number = |name: &str| told[name].as_f64().unwrap_or_default();
    println!(
        "{what}: answer complete after {:.0} ms ({:.0} KiB), first paint {:.0} ms, interactive {:.0} ms, cells drawn {:.0} ms, heap {:.1} MiB",
        number("answer"),
        number("bytes") / 1024.0,
        number("paint"),
        number("interactive"),
        number("cells"),
        number("heap") / MEBIBYTE,
    );
    frames(browser, "at rest", NOTHING).await;
    frames(browser, "scrolling", SCROLLS).await;
}

/// Reads until the word has come.
async fn until(stream: &mut BodyDataStream, word: &str) {
    let mut text = String::new();
    while !text.contains(word) {
        let part = stream
            .next()
            .await
            .expect("the stream goes on")
            .expect("a part");
        text.push_str(&String::from_utf8_lossy(&part));
        let keep = text.len().saturating_sub(word.len());
        let keep = text.ceil_char_boundary(keep);
        if !text.contains(word) {
            text.drain(..keep);
        }
    }
}

async fn streams(space: &Space, person: &Person<'_>) {
    let console = person.console;
    let before = console.memory();
    let path = format!(
        "/api/v1/namespaces/{}/events?fieldSelector=metadata.name%3Drollout",
        space.name
    );
    let open = (0..STREAMS).map(|_| async {
        let request = person.request("GET", &path).body(Body::empty());
        let answer = console.send(request.expect("a request")).await;
        assert_eq!(answer.status(), 200);
        let mut stream = answer.into_body().into_data_stream();
        until(&mut stream, "event: snapshot").await;
        stream
    });
    let mut open = join_all(open).await;
    let with = console.memory();
    let began = Instant::now();
    says(
        space,
        "rollout",
        &json!({"message": "a word that every stream brings"}),
    );
    let written = Instant::now();
    let arrivals = open.iter_mut().map(|stream| async {
        until(stream, "a word that every stream brings").await;
        Instant::now()
    });
    let mut delays: Vec<Duration> = join_all(arrivals)
        .await
        .into_iter()
        .map(|at| at.saturating_duration_since(began))
        .collect();
    delays.sort_unstable();
    let after = console.memory();
    let mebibytes = |bytes: u64| Duration::from_secs(bytes).as_secs_f64() / MEBIBYTE;
    println!(
        "{STREAMS} streams of one job: memory {:.0} MiB before, {:.0} MiB with them open, {:.0} MiB after a change; the change was written within \
         {:.0} ms, and had arrived after {:.0} ms (first), {:.0} ms (half), {:.0} ms (last)",
        mebibytes(before),
        mebibytes(with),
        mebibytes(after),
        (written - began).as_secs_f64() * 1000.0,
        delays[0].as_secs_f64() * 1000.0,
        delays[STREAMS / 2].as_secs_f64() * 1000.0,
        delays[STREAMS - 1].as_secs_f64() * 1000.0,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures"]
async fn what_pages_of_10_000_devices_and_200_streams_cost() {
    let space = Space::new("console-figures").await;
    let console = Console::start(space.control_plane);
    let asking = Asking::ordinary(&space, "flashjob-user");
    let user = Person::of(&console, &asking);
    many(&space, DEVICES).await;
    println!("console at rest: {} MiB", console.memory() / 1_048_576);
    let browser = Browser::start(space.control_plane, &console).await;
    browser.sign_in(&user).await;
    browser.on_a_screen(1280, false).await;
    let live = "document.getElementById('stream').innerText.includes('Live')";
    page_of(&browser, "job page", &page(&space), live).await;
    let drawn =
        format!("document.getElementById('fleet-cells').dataset.devices === '{DEVICES}' && {live}");
    let path = format!("/namespaces/{}/fleet", space.name);
    page_of(&browser, "fleet page", &path, &drawn).await;
    frames(&browser, "filtering", FILTERS).await;
    println!(
        "console after both pages: {} MiB",
        console.memory() / 1_048_576
    );
    drop(browser);
    // One that has read nothing yet.
    let console = Console::start(space.control_plane);
    streams(&space, &Person::of(&console, &asking)).await;
}
