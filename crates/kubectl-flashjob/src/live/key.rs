//! What a key does. Pure.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;

use super::state::{Live, Order, Over, View};
use crate::{order::approve::decide, show::Tone, view::Leaf};

/// Every key, and what it does.
pub(super) const KEYS: [(&str, &str); 9] = [
    ("q", "quit; the FlashJob goes on"),
    ("p", "suspend the FlashJob, or let it go on"),
    ("a", "approve the step that waits"),
    ("l", "read the log of a device in flight"),
    ("↑ ↓", "point at another device in flight"),
    ("PgUp PgDn", "look further up or down"),
    ("Home End", "look at the beginning or the end"),
    ("Esc", "go back to the tree"),
    ("?", "this help"),
];

impl Live {
    /// A key was pressed; returns what is to be done outside of the picture.
    pub fn press(&mut self, key: KeyEvent) -> Option<Order> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && key.code == KeyCode::Char('c') {
            return Some(Order::Quit);
        }
        if control {
            return None;
        }
        self.notice = None;
        match &mut self.over {
            Over::Nothing => self.press_at_tree(key.code),
            Over::Help => {
                self.over = Over::Nothing;
                None
            }
            Over::Question(_, order) => {
                let yes = matches!(key.code, KeyCode::Char('y' | 'Y'));
                let order = yes.then(|| order.clone());
                self.over = Over::Nothing;
                order
            }
            Over::Log(journal) => {
                let page = self.page.cast_signed();
                match key.code {
                    KeyCode::Char('q' | 'l') | KeyCode::Esc => {
                        self.over = Over::Nothing;
                        return Some(Order::Close);
                    }
                    KeyCode::Up => journal.turn(1),
                    KeyCode::Down => journal.turn(-1),
                    KeyCode::PageUp => journal.turn(page),
                    KeyCode::PageDown => journal.turn(-page),
                    KeyCode::Home => journal.turn(isize::MAX),
                    KeyCode::End => journal.turn(isize::MIN),
                    _ => {}
                }
                None
            }
        }
    }

    fn press_at_tree(&mut self, code: KeyCode) -> Option<Order> {
        match code {
            KeyCode::Char('q') => return Some(Order::Quit),
            KeyCode::Char('p') => return self.pause(),
            KeyCode::Char('a') => self.approve(),
            KeyCode::Char('l') => return self.read(),
            KeyCode::Char('?') => self.over = Over::Help,
            KeyCode::Up => self.point(-1),
            KeyCode::Down => self.point(1),
            KeyCode::PageUp => self.view = View::From(self.top.saturating_sub(self.page)),
            KeyCode::PageDown => self.view = View::From(self.top + self.page),
            KeyCode::Home => self.view = View::From(0),
            KeyCode::End => self.view = View::From(usize::MAX),
            KeyCode::Esc => self.view = View::Follow,
            _ => {}
        }
        None
    }

    /// Which devices are in flight does not depend on the time.
    fn in_flight(&self) -> Vec<Leaf> {
        self.tree(Timestamp::UNIX_EPOCH).in_flight
    }

    /// To suspend is done at once, for it loses nothing; to let it go on flashes devices, and is asked.
    fn pause(&mut self) -> Option<Order> {
        if !self.job.suspended() {
            return Some(Order::Suspend);
        }
        let question = "Let the FlashJob go on? y: yes, any other key: no".to_owned();
        self.over = Over::Question(question, Order::Resume);
        None
    }

    fn approve(&mut self) {
        match decide(&self.job.status, None) {
            Ok(approval) => {
                let question = format!("Approve {}? y: yes, any other key: no", approval.what);
                self.over = Over::Question(question, Order::Approve(approval.step));
            }
            Err(why) => self.notice = Some((Tone::Patient, why)),
        }
    }

    fn read(&mut self) -> Option<Order> {
        let devices = self.in_flight();
        let pointed = |device: &&Leaf| self.selected == Some(device.index);
        let device = devices.iter().find(pointed);
        let with_pod = || devices.iter().find(|device| device.pod.is_some());
        let Some(device) = device.or_else(with_pod) else {
            let words = "no device in flight has a Pod".to_owned();
            self.notice = Some((Tone::Patient, words));
            return None;
        };
        let endpoint = device.endpoint.as_deref().unwrap_or("no endpoint");
        let Some(pod) = device.pod.clone() else {
            let words = format!("device #{} {endpoint} has no Pod yet", device.index);
            self.notice = Some((Tone::Patient, words));
            return None;
        };
        Some(Order::Read {
            title: format!("Log of device #{} {endpoint}, Pod {pod}", device.index),
            pod,
        })
    }

    /// Points at the device in flight that comes so many after the one that is pointed at.
    fn point(&mut self, steps: isize) {
        let devices = self.in_flight();
        let devices: Vec<i64> = devices.iter().map(|device| device.index).collect();
        let place = devices
            .iter()
            .position(|index| Some(*index) == self.selected);
        let place = match place {
            Some(place) => place.saturating_add_signed(steps),
            None => 0,
        };
        self.selected = devices
            .get(place.min(devices.len().saturating_sub(1)))
            .copied();
        self.view = View::Follow;
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
