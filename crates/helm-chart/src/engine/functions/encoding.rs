//! Base 64, base 32 and checksums. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Digest as _;

use super::support::{Outcome, done};
use super::{Call, Function, Param, text};
use crate::engine::octets;
use crate::engine::value::Value;

use Param::String as Text;

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "adler32sum",
        Function::new(&[Text], |call, a| {
            call.work(text(a, 0).len() / 64)?;
            done(call, adler32(&octets::bytes(&text(a, 0))).to_string())
        }),
    ),
    ("b32dec", Function::new(&[Text], b32dec)),
    (
        "b32enc",
        Function::new(&[Text], |call, a| {
            call.charge(text(a, 0).len())?;
            call.work(text(a, 0).len() / 16)?;
            done(call, b32enc(&octets::bytes(&text(a, 0))))
        }),
    ),
    ("b64dec", Function::new(&[Text], b64dec)),
    (
        "b64enc",
        Function::new(&[Text], |call, a| {
            done(call, STANDARD.encode(octets::bytes(&text(a, 0))))
        }),
    ),
    (
        "sha1sum",
        Function::new(&[Text], |call, a| {
            call.work(text(a, 0).len() / 64)?;
            done(
                call,
                hex::encode(sha1::Sha1::digest(octets::bytes(&text(a, 0)))),
            )
        }),
    ),
    (
        "sha256sum",
        Function::new(&[Text], |call, a| {
            call.work(text(a, 0).len() / 64)?;
            done(
                call,
                hex::encode(sha2::Sha256::digest(octets::bytes(&text(a, 0)))),
            )
        }),
    ),
    (
        "sha512sum",
        Function::new(&[Text], |call, a| {
            call.work(text(a, 0).len() / 64)?;
            done(
                call,
                hex::encode(sha2::Sha512::digest(octets::bytes(&text(a, 0)))),
            )
        }),
    ),
];

const BASE_32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

/// Sprig hands the text of an error over in place of what was decoded.
fn b64dec(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let source = text(arguments, 0);
    call.charge(source.len().saturating_mul(2))?;
    call.work(source.len() / 64)?;
    let compact = source.replace(['\r', '\n'], "");
    // Go ignores the bits after the last whole byte.
    let lenient = base64::engine::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    match lenient.decode(compact) {
        Ok(bytes) => done(call, octets::string(bytes)),
        Err(_) => illegal(call, 64, corrupt(&octets::bytes(&source))),
    }
}

fn illegal(call: &mut Call<'_>, base: usize, place: usize) -> Outcome {
    done(
        call,
        format!("illegal base{base} data at input byte {place}"),
    )
}

/// Where Go finds that a text is not base 64, step by step as Go looks for it. The text is known not to be.
fn corrupt(source: &[u8]) -> usize {
    let is_break = |at: usize| matches!(source.get(at), Some(b'\r' | b'\n'));
    let (mut at, mut digits) = (0, 0);
    while let Some(byte) = source.get(at) {
        at += 1;
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => digits = (digits + 1) % 4,
            b'\r' | b'\n' => {}
            b'=' if digits >= 2 => {
                while is_break(at) {
                    at += 1;
                }
                if digits == 2 {
                    match source.get(at) {
                        None => return source.len(),
                        Some(b'=') => at += 1,
                        Some(_) => return at - 1,
                    }
                }
                while is_break(at) {
                    at += 1;
                }
                return at;
            }
            _ => return at - 1,
        }
    }
    at - digits
}

fn b32enc(bytes: &[u8]) -> String {
    let mut result = String::new();
    for chunk in bytes.chunks(5) {
        let bits = chunk
            .iter()
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte))
            << (8 * (5 - chunk.len()));
        let characters = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let value = usize::try_from(bits >> (35 - 5 * index) & 31).unwrap_or(0);
            result.push(if index < characters {
                char::from(BASE_32[value])
            } else {
                '='
            });
        }
    }
    result
}

fn b32dec(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let source = text(arguments, 0);
    call.charge(source.len().saturating_mul(2))?;
    call.work(source.len() / 8)?;
    let source = source.replace(['\r', '\n'], "");
    match base_32(&octets::bytes(&source)) {
        Ok(bytes) => done(call, octets::string(bytes)),
        Err(place) => illegal(call, 32, place),
    }
}

/// What a text in base 32 stands for, or where it is wrong, as Go finds it. What follows the padding is not looked at.
pub(in crate::engine) fn base_32(source: &[u8]) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::new();
    for start in (0..source.len()).step_by(8) {
        let (mut bits, mut digits) = (0_u64, 0);
        while digits < 8 {
            let at = start + digits;
            let Some(byte) = source.get(at) else {
                return Err(start);
            };
            let rest = source.len() - at - 1;
            if *byte == b'=' && digits >= 2 && rest < 8 {
                padded(source, at, digits)?;
                break;
            }
            let value = BASE_32.iter().position(|known| known == byte).ok_or(at)?;
            bits = bits << 5 | value as u64;
            digits += 1;
        }
        let whole = digits * 5 / 8;
        let aligned = bits << (64 - 5 * digits);
        bytes.extend_from_slice(&aligned.to_be_bytes()[..whole]);
        if digits < 8 {
            break;
        }
    }
    Ok(bytes)
}

/// Checks the padding that begins at `at`, after that many digits.
fn padded(source: &[u8], at: usize, digits: usize) -> Result<(), usize> {
    let rest = &source[at + 1..];
    if rest.len() + digits < 7 {
        return Err(source.len());
    }
    let padding = rest.iter().take(7 - digits);
    if let Some(wrong) = padding.into_iter().position(|byte| *byte != b'=') {
        return Err(at + wrong);
    }
    if matches!(digits, 3 | 6) {
        return Err(at);
    }
    Ok(())
}
