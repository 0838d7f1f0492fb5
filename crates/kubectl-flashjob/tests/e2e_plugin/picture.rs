//! A terminal's screen as a picture: SVG, with the colours that a dark terminal has.

use std::fmt::Write;

/// Width and height of a character, in pixels.
const CELL: (f32, f32) = (8.4, 18.0);

/// Space around the screen.
const MARGIN: f32 = 14.0;

/// The sixteen colours by number.
const COLOURS: [&str; 16] = [
    "#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4",
    "#6e7681", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#ffffff",
];

/// What the characters of a run have in common.
#[derive(Clone, PartialEq, Eq)]
struct Look {
    foreground: String,
    background: Option<String>,
    bold: bool,
}

/// The screen as it is now.
pub fn svg(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let width = MARGIN.mul_add(2.0, f32::from(columns) * CELL.0);
    let height = MARGIN.mul_add(2.0, f32::from(rows) * CELL.1);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>\n"
    );
    for row in 0..rows {
        draw_row(screen, (row, columns), &mut picture);
    }
    picture + "</svg>\n"
}

fn draw_row(screen: &vt100::Screen, (row, columns): (u16, u16), picture: &mut String) {
    let mut column = 0;
    while column < columns {
        let Some(look) = look(screen, row, column) else {
            column += 1;
            continue;
        };
        let start = column;
        let mut text = String::new();
        while column < columns && self::look(screen, row, column).as_ref() == Some(&look) {
            let contents = screen.cell(row, column).map_or("", vt100::Cell::contents);
            text.push_str(if contents.is_empty() { " " } else { contents });
            column += 1;
        }
        draw_run(&look, &text, (row, start, column - start), picture);
    }
}

/// How a character looks; absent where there is nothing to see.
fn look(screen: &vt100::Screen, row: u16, column: u16) -> Option<Look> {
    let cell = screen.cell(row, column)?;
    let background = colour(cell.bgcolor());
    if cell.contents().trim().is_empty() && background.is_none() && !cell.inverse() {
        return None;
    }
    let foreground = colour(cell.fgcolor()).unwrap_or_else(|| "#e6edf3".to_owned());
    let (foreground, background) = if cell.inverse() {
        let paper = background.unwrap_or_else(|| "#0d1117".to_owned());
        (paper, Some(foreground))
    } else {
        (foreground, background)
    };
    Some(Look {
        foreground,
        background,
        bold: cell.bold(),
    })
}

fn colour(colour: vt100::Color) -> Option<String> {
    match colour {
        vt100::Color::Default => None,
        vt100::Color::Idx(number) => Some(COLOURS[usize::from(number % 16)].to_owned()),
        vt100::Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
    }
}

fn draw_run(look: &Look, text: &str, (row, column, cells): (u16, u16, u16), picture: &mut String) {
    let left = f32::from(column).mul_add(CELL.0, MARGIN);
    let top = f32::from(row).mul_add(CELL.1, MARGIN);
    let width = f32::from(cells) * CELL.0;
    if let Some(background) = &look.background {
        let _ = writeln!(
            picture,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{background}\"/>",
            CELL.1
        );
    }
    let bold = if look.bold {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    // A font of another width does not move what follows.
    let _ = writeln!(
        picture,
        "<text x=\"{left:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\" fill=\"{}\"{bold}>{text}</text>",
        top + 13.5,
        look.foreground
    );
}

#[test]
fn a_screen_becomes_a_picture_with_its_colours_and_its_text_stays_text() {
    let size = |count| std::num::NonZeroU16::new(count).expect("a size");
    let mut parser = vt100::Parser::new(size(2), size(20), 0);
    parser.process(b"ok \x1b[1;32m<b>\x1b[0m\r\n\x1b[7mwait\x1b[0m & see");
    insta::assert_snapshot!(svg(parser.screen()));
}
