//! What a terminal is left like.

use std::{io::Read, sync::mpsc, thread, time::Duration};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rstest::rstest;

use super::*;

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
