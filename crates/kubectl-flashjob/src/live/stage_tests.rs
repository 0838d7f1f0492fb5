//! What a terminal is left like.

use std::{
    cell::Cell,
    io::{Read, Write},
    rc::Rc,
    sync::mpsc,
    thread,
    time::Duration,
};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use ratatui::{TerminalOptions, Viewport, layout::Rect};
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    live::Live,
    view::fixtures::{at, condition, device, job, time},
};

/// How the stage is left, for the program that this test starts: itself.
const HOW: &str = "FLASHJOB_TEST_LEAVES_THE_STAGE";

fn play(how: &str) {
    let mut stage = Stage::enter(false).unwrap();
    stage.draw(&[Line::of(Tone::Plain, "drawn")]).unwrap();
    assert_eq!(how, "by itself", "said after the stage");
}

#[rstest]
#[case::by_itself("by itself")]
#[case::by_a_panic("by a panic")]
fn the_stage_gives_the_terminal_back(#[case] how: &str) {
    if let Ok(how) = std::env::var(HOW) {
        play(&how);
        return;
    }
    let size = PtySize {
        rows: 24,
        cols: 80,
        ..PtySize::default()
    };
    let pty = native_pty_system().openpty(size).unwrap();
    let before = format!("{:?}", pty.master.get_termios().unwrap());
    let running = std::env::current_exe().unwrap();
    let mut command = CommandBuilder::new(running);
    let name = "live::stage::tests::the_stage_gives_the_terminal_back::case_1_by_itself";
    command.args(["--exact", name, "--nocapture"]);
    command.env(HOW, how);
    // It would push the screen away.
    command.env("RUST_BACKTRACE", "0");
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut reader = pty.master.try_clone_reader().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut written = Vec::new();
        // A terminal that nobody writes to any more ends with an error.
        let _ = reader.read_to_end(&mut written);
        sender.send(written)
    });
    let status = child.wait().unwrap();
    let written = receiver.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(status.success(), how == "by itself", "{status:?}");
    let mut screen = vt100::Parser::default();
    screen.process(&written);
    let written = String::from_utf8_lossy(&written);
    let (entered, left) = ("\u{1b}[?1049h", "\u{1b}[?1049l");
    let drawn = written.split_once(entered).unwrap().1;
    assert!(
        drawn.split_once(left).unwrap().0.contains("drawn"),
        "{written:?}"
    );
    assert!(!screen.screen().alternate_screen());
    assert!(!screen.screen().hide_cursor());
    let shown = screen.screen().contents();
    assert_eq!(
        shown.contains("said after the stage"),
        how != "by itself",
        "{shown}"
    );
    assert_eq!(format!("{:?}", pty.master.get_termios().unwrap()), before);
}

/// Counts what is written to a terminal.
#[derive(Clone, Default)]
struct Counted(Rc<Cell<usize>>);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A rollout to 10 000 devices, 200 at a time, of which ten a second succeed.
fn rollout_at(second: usize) -> Live {
    let done = 1_000 + 10 * second;
    let in_flight = (done..done + 200).map(|index| {
        let started = i64::try_from(400 + index % 300).unwrap();
        let pod = json!({"startTime": time(started), "pod": format!("flash-{index}-x7k2p")});
        device(index, "Flashing", "Flashing", &pod)
    });
    let job = job(
        &json!({"uuid": ["a"], "firmware": "f:1", "version": "1"}),
        &json!({
            "observedGeneration": 1, "phase": "Running", "reason": "InProgress",
            "conditions": [condition("Accepted")], "effective": {"parallelism": 200},
            "completedIndexes": format!("0-{}", done - 1), "devices": in_flight.collect::<Vec<_>>(),
            "counts": {"selected": 10_000, "succeeded": done, "inFlight": 200, "pending": 9_800 - done},
        }),
    );
    Live::of(Box::new(job), false)
}

/// `cargo test … on_the_screen_already -- --nocapture` prints how many bytes a second that are.
#[test]
fn what_is_on_the_screen_already_is_not_written_again() {
    const SECONDS: usize = 20;
    let counted = Counted::default();
    let area = Rect::new(0, 0, 80, 24);
    let options = TerminalOptions {
        viewport: Viewport::Fixed(area),
    };
    let backend = CrosstermBackend::new(counted.clone());
    let mut terminal = Terminal::with_options(backend, options).unwrap();
    let mut written = |second: usize| {
        let before = counted.0.get();
        let now = at(720 + i64::try_from(second).unwrap());
        let lines = rollout_at(second).frame((80, 24), now).lines;
        let text: Text<'_> = lines.iter().map(|line| row(line, true)).collect();
        let drawn = terminal.draw(|frame| frame.render_widget(text, frame.area()));
        drawn.unwrap();
        counted.0.get() - before
    };
    let whole = written(0);
    let same = written(0);
    let later: Vec<_> = (1..=SECONDS).map(&mut written).collect();
    let average = later.iter().sum::<usize>() / SECONDS;
    println!(
        "10 000 devices, 10 verdicts a second: {whole} bytes at first, then {average} a second"
    );
    assert!(
        later.iter().all(|bytes| *bytes < whole),
        "{whole}: {later:?}"
    );
    assert!(same < whole / 10, "{whole}: {same}");
}
