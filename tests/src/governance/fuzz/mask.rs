//! Which masks may a random column have, and what do they make of a value? governance.md §5, by code of its own.

use rand::{Rng, rngs::StdRng};

use super::{has, sha};
use crate::fuzz::{
    cell::{Cell, Type},
    policy,
};

/// Name of the hash domain: without one, hashes follow the id of the column, and the two databases have two.
const DOMAIN: &str = "people";
/// What every world's mask key is made of.
const MASK_KEY: [u8; 32] = [7; 32];

/// A mask function.
#[derive(Clone, Debug, PartialEq)]
pub enum Function {
    /// Without arguments.
    Named(&'static str),
    /// Multiples of a width, which is a power of two for floats: their floors are exact.
    Bucket(Cell),
    Constant(Cell),
    Keep {
        shown: usize,
        left: bool,
        hidden: Option<usize>,
    },
    Hmac,
    Sha,
}

impl Function {
    /// One that takes the type.
    pub fn random(rng: &mut StdRng, data_type: Type) -> Self {
        let named = policy::functions(data_type);
        match rng.random_range(0..8) {
            _ if !has("masks") => Self::Named(named[rng.random_range(0..named.len())]),
            0 => Self::Constant(data_type.literal(rng)),
            1 | 2 => match data_type {
                Type::Bigint | Type::Int => Self::Bucket(Cell::Int([2, 10, 1000][rng.random_range(0..3)])),
                Type::Double => Self::Bucket(Cell::Double([0.5, 4.0][rng.random_range(0..2)])),
                Type::Decimal => Self::Bucket(Cell::Decimal([1, 250, 10_000][rng.random_range(0..3)])),
                Type::Date => Self::Bucket(Cell::Int([1, 7, 365][rng.random_range(0..3)])),
                Type::Varchar => Self::Keep {
                    shown: rng.random_range(1..4),
                    left: rng.random(),
                    hidden: [None, Some(1), Some(2)][rng.random_range(0..3)],
                },
                Type::Boolean | Type::Timestamp => Self::Named("replace-with-null"),
            },
            3 | 4 if matches!(data_type, Type::Bigint | Type::Int | Type::Varchar) => {
                if rng.random_bool(0.7) {
                    Self::Hmac
                } else {
                    Self::Sha
                }
            }
            _ => Self::Named(named[rng.random_range(0..named.len())]),
        }
    }

    /// Members of its entry in the lake's file.
    pub fn declaration(&self) -> String {
        let (function, domain) = self.declared();
        let domain = domain.map_or_else(String::new, |domain| format!(", domain: {domain}"));
        format!("func: \"{function}\"{domain}")
    }

    /// Its function and its hash domain.
    pub fn declared(&self) -> (String, Option<&'static str>) {
        let function = match self {
            Self::Named(name) => (*name).to_owned(),
            Self::Bucket(width) => format!("bucket({})", width.sql()),
            Self::Constant(value) => format!("constant({})", value.sql()),
            Self::Keep { shown, left, hidden } => {
                let side = if *left { "left" } else { "right" };
                let hidden = hidden.map_or_else(String::new, |hidden| format!(", {hidden}"));
                format!("keep({shown}, {side}{hidden})")
            }
            Self::Hmac => return ("hmac-sha-256".to_owned(), Some(DOMAIN)),
            Self::Sha => "sha-256-global".to_owned(),
        };
        (function, None)
    }

    /// The masked value.
    pub fn of(&self, cell: &Cell, data_type: Type) -> Cell {
        match (self, cell) {
            (Self::Named(name), cell) => policy::masked_cell(name, cell, data_type),
            (Self::Constant(value), _) => value.clone(),
            (_, Cell::Null) => Cell::Null,
            (Self::Bucket(width), cell) => bucket(cell, width, data_type),
            (Self::Keep { shown, left, hidden }, Cell::Text(text)) => {
                Cell::Text(keep(text, *shown, *left, hidden.unwrap_or(4)))
            }
            (Self::Hmac, cell) => hashed(cell, data_type, |bytes| {
                let domain = format!("lakegate/mask/domain:{DOMAIN}\u{1}");
                sha::hmac(&sha::hmac(&MASK_KEY, domain.as_bytes()), bytes)
            }),
            (Self::Sha, cell) => hashed(cell, data_type, sha::sha256),
            other => panic!("{other:?}"),
        }
    }
}

fn bucket(cell: &Cell, width: &Cell, data_type: Type) -> Cell {
    let floor = |value: i64, width: i64, least: i64| {
        let (value, width) = (i128::from(value), i128::from(width));
        let floor = value.div_euclid(width) * width;
        i64::try_from(floor.max(i128::from(least))).expect("in the type")
    };
    match (cell, width) {
        (Cell::Int(value), Cell::Int(width)) => {
            let least = if data_type == Type::Int {
                i64::from(i32::MIN)
            } else {
                i64::MIN
            };
            Cell::Int(floor(*value, *width, least))
        }
        (Cell::Decimal(value), Cell::Decimal(width)) => Cell::Decimal(floor(*value, *width, -999_999_999_999)),
        (Cell::Date(value), Cell::Int(width)) => {
            let days = floor(i64::from(*value), *width, i64::from(i32::MIN));
            Cell::Date(i32::try_from(days).expect("a day"))
        }
        (Cell::Double(value), Cell::Double(width)) if value.is_finite() => {
            Cell::Double((value / width).floor() * width + 0.0)
        }
        (cell, _) => cell.clone(),
    }
}

fn keep(text: &str, shown: usize, left: bool, hidden: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    let split = if left {
        shown.min(letters.len())
    } else {
        letters.len().saturating_sub(shown)
    };
    let (first, last) = letters.split_at(split);
    let (kept, rest) = if left { (first, last) } else { (last, first) };
    let masked = |letters: &[char]| policy::masked_text("mask-alphanum", &letters.iter().collect::<String>());
    let replaced = rest.iter().filter(|letter| !"(),.-@".contains(**letter)).count();
    if replaced < hidden {
        return masked(&letters);
    }
    let kept: String = kept.iter().collect();
    if left {
        kept + &masked(rest)
    } else {
        masked(rest) + &kept
    }
}

fn hashed(cell: &Cell, data_type: Type, digest: impl Fn(&[u8]) -> [u8; 32]) -> Cell {
    match (cell, data_type) {
        (Cell::Text(text), _) => Cell::Text(sha::hex(&digest(text.as_bytes()))),
        (Cell::Int(number), Type::Int) => {
            let number = i32::try_from(*number).expect("an int");
            let digest = digest(&number.to_le_bytes());
            let first: [u8; 4] = digest[..4].try_into().expect("4 bytes");
            Cell::Int(i64::from(i32::from_le_bytes(first)))
        }
        (Cell::Int(number), _) => {
            let digest = digest(&number.to_le_bytes());
            let first: [u8; 8] = digest[..8].try_into().expect("8 bytes");
            Cell::Int(i64::from_le_bytes(first))
        }
        other => panic!("{other:?}"),
    }
}
