//! Is the compiled value NULL exactly where Cedar raises an error, and equal elsewhere? Random expressions, random rows.

use super::{
    outcome, parse,
    rows::{Row, World, columns},
};

const ROWS: usize = 8;

/// SplitMix64: the same sequence everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn one<'a>(&mut self, pool: &[&'a str]) -> &'a str {
        pool[self.below(pool.len())]
    }

    fn maybe<T: Clone>(&mut self, pool: &[T]) -> Option<T> {
        (self.below(4) > 0).then(|| pool[self.below(pool.len())].clone())
    }

    fn row(&mut self) -> Row {
        let texts: Vec<String> = ["DE", "FR", "", "a*b", "ä", "D%", "DE_"].map(str::to_owned).into();
        let longs = [0, 1, -1, 7, 200, i64::MAX, i64::MIN, i64::MAX - 1];
        let times = [
            0,
            -1,
            1,
            999,
            1_000,
            -86_400_001,
            86_400_000,
            1_700_000_000_123_456,
            i64::MAX,
            i64::MIN,
        ];
        Row {
            txt: self.maybe(&texts),
            view: self.maybe(&texts),
            num: self.maybe(&longs),
            small: self.maybe(&[0, 1, -7, i32::MAX, i32::MIN]),
            byte: self.maybe(&[0, 1, 200, 255]),
            price: self.maybe(&[0, 1, -1, 12_345, 999_999_999_999]),
            wide: self.maybe(&[0, 15, 1_234_500, -1, 999_999_999_999_999_999]),
            flag: self.maybe(&[true, false]),
            day: self.maybe(&[0, -1, 1, 19_675, i32::MAX, i32::MIN]),
            micro: self.maybe(&times),
            nano: self.maybe(&times),
            milli: self.maybe(&times),
            sec: self.maybe(&[0, -1, 1, 86_401, 1_700_000_000]),
            zip: self.maybe(&texts),
        }
    }

    /// A tag of the row: mostly with its guard nowhere in sight, so that absence is E.
    fn column(&mut self, bag: &str) -> String {
        let name = match bag {
            "s" => self.one(&["txt", "view", "addr.zip"]),
            "n" => self.one(&["num", "small", "byte"]),
            "d" => self.one(&["price", "wide"]),
            "b" => "flag",
            _ => self.one(&["day", "micro", "nano", "milli", "sec"]),
        };
        format!("resource.{bag}.getTag(\"{name}\")")
    }

    fn boolean(&mut self, depth: usize) -> String {
        let Some(deeper) = depth.checked_sub(1) else {
            return match self.below(8) {
                0 => self.column("b"),
                1..=3 => {
                    let bag = self.one(&["s", "n", "d", "b", "t"]);
                    self.column(bag).replace("getTag", "hasTag")
                }
                _ => self
                    .one(&[
                        "true",
                        "false",
                        "context.mfa",
                        "(principal in Lakegate::Role::\"r-eu\")",
                        "principal.getTag(\"absent\").contains(\"x\")",
                        "(context has purpose)",
                        "(9223372036854775807 + principal.clearance > 0)",
                    ])
                    .to_owned(),
            };
        };
        match self.below(12) {
            0 | 1 => format!("({} && {})", self.boolean(deeper), self.boolean(deeper)),
            2 | 3 => format!("({} || {})", self.boolean(deeper), self.boolean(deeper)),
            4 => format!("!({})", self.boolean(deeper)),
            5 => self.choice(deeper, Self::boolean),
            6 => self.guarded(deeper),
            7 => {
                let op = self.one(&["==", "!="]);
                format!("({} {op} {})", self.boolean(deeper), self.boolean(deeper))
            }
            _ => self.test(deeper),
        }
    }

    /// `hasTag`, and below it something that may read the same column.
    fn guarded(&mut self, depth: usize) -> String {
        let bag = self.one(&["s", "n", "d", "b", "t"]);
        let read = self.column(bag);
        let has = read.replace("getTag", "hasTag");
        let value = if bag == "b" { read } else { format!("{read} == {read}") };
        let other = self.boolean(depth);
        let op = self.one(&["&&", "||"]);
        if self.below(2) == 0 {
            format!("({has} && ({value} {op} {other}))")
        } else {
            format!("(if {has} then ({other} {op} {value}) else {})", self.boolean(depth))
        }
    }

    fn test(&mut self, depth: usize) -> String {
        let op = self.one(&["==", "!=", "<", "<=", ">", ">="]);
        let equal = self.one(&["==", "!="]);
        match self.below(8) {
            0 => format!("({} {op} {})", self.number(depth), self.number(depth)),
            1 => format!("({} {op} {})", self.moment(depth), self.moment(depth)),
            2 => format!("({} {op} {})", self.duration(depth), self.duration(depth)),
            3 => format!("({} {equal} {})", self.text(depth), self.text(depth)),
            4 => {
                let method = self.one(&["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"]);
                format!("{}.{method}({})", self.decimal(depth), self.decimal(depth))
            }
            5 => format!("({} {equal} {})", self.decimal(depth), self.decimal(depth)),
            6 => {
                let pattern = self.one(&["D*", "*", "a\\**", "*_", "%", "", "ä*"]);
                format!("({} like \"{pattern}\")", self.text(depth))
            }
            _ => self.within(depth),
        }
    }

    fn within(&mut self, depth: usize) -> String {
        match self.below(5) {
            0 => format!("principal.getTag(\"regions\").contains({})", self.text(depth)),
            1 => format!("principal.getTag(\"none\").contains({})", self.text(depth)),
            2 => format!("[1, -7, 200, 9223372036854775807].contains({})", self.number(depth)),
            3 => format!(
                "[decimal(\"123.45\"), decimal(\"0.0015\")].contains({})",
                self.decimal(depth)
            ),
            _ => format!(
                "[datetime(\"1970-01-01\"), context.now].contains({})",
                self.moment(depth)
            ),
        }
    }

    fn choice(&mut self, depth: usize, branch: fn(&mut Self, usize) -> String) -> String {
        format!(
            "(if {} then {} else {})",
            self.boolean(depth),
            branch(self, depth),
            branch(self, depth)
        )
    }

    fn number(&mut self, depth: usize) -> String {
        match (self.below(7), depth.checked_sub(1)) {
            (0, Some(deeper)) => {
                let op = self.one(&["+", "-", "*"]);
                format!("({} {op} {})", self.number(deeper), self.number(deeper))
            }
            (1, Some(deeper)) => format!("(-({}))", self.number(deeper)),
            (2, Some(deeper)) => {
                let unit = self.one(&["Milliseconds", "Seconds", "Minutes", "Hours", "Days"]);
                format!("{}.to{unit}()", self.duration(deeper))
            }
            (3, Some(deeper)) => self.choice(deeper, Self::number),
            (4, _) => self
                .one(&["0", "1", "-7", "200", "9223372036854775807", "principal.clearance"])
                .to_owned(),
            _ => self.column("n"),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        match (self.below(5), depth.checked_sub(1)) {
            (0, Some(deeper)) => self.choice(deeper, Self::text),
            (1, _) => self
                .one(&["\"DE\"", "\"\"", "\"a*b\"", "principal.kind", "context.client"])
                .to_owned(),
            _ => self.column("s"),
        }
    }

    fn decimal(&mut self, depth: usize) -> String {
        match (self.below(5), depth.checked_sub(1)) {
            (0, Some(deeper)) => self.choice(deeper, Self::decimal),
            (1, _) => {
                let digits = self.one(&["0.0", "123.45", "123.4501", "-0.01", "922337203685477.5807"]);
                format!("decimal(\"{digits}\")")
            }
            _ => self.column("d"),
        }
    }

    fn moment(&mut self, depth: usize) -> String {
        match (self.below(7), depth.checked_sub(1)) {
            (0, Some(deeper)) => self.choice(deeper, Self::moment),
            (1, Some(deeper)) => format!("{}.offset({})", self.moment(deeper), self.duration(deeper)),
            (2, Some(deeper)) => format!("{}.toDate()", self.moment(deeper)),
            (3, _) => self
                .one(&[
                    "datetime(\"1970-01-01\")",
                    "datetime(\"1969-12-31T23:59:59.999Z\")",
                    "datetime(\"2023-11-14T22:13:20.123Z\")",
                    "context.now",
                ])
                .to_owned(),
            _ => self.column("t"),
        }
    }

    fn duration(&mut self, depth: usize) -> String {
        match (self.below(5), depth.checked_sub(1)) {
            (0, Some(deeper)) => self.choice(deeper, Self::duration),
            (1, Some(deeper)) => format!("{}.toTime()", self.moment(deeper)),
            (2 | 3, Some(deeper)) => format!("{}.durationSince({})", self.moment(deeper), self.moment(deeper)),
            _ => self
                .one(&["duration(\"1s\")", "duration(\"-1d2h\")", "context.auth_age"])
                .to_owned(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a seed and a number of cases are given to tests by the environment"
)]
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// `CEDAR_SEED` and `CEDAR_CASES` choose; a case is one expression on one row.
#[test]
fn compiled_bodies_agree_with_cedar_row_by_row() {
    let (seed, cases) = (setting("CEDAR_SEED", 20_261), setting("CEDAR_CASES", 4_000));
    println!("seed {seed}, {cases} cases");
    let mut random = Random(seed);
    let world = World::default();
    let (mut shown, mut hidden, mut failed) = (0_u64, 0_u64, 0_u64);
    while shown + hidden + failed < cases {
        let depth = 1 + random.below(4);
        let expression = random.boolean(depth);
        let rows: Vec<Row> = (0..ROWS).map(|_| random.row()).collect();
        let condition = match parse(&format!("when {{ {expression} }}"), &columns()) {
            Ok(condition) => condition,
            Err(problems) => {
                // Too large; anything else is a defect.
                assert!(
                    problems[0].message.contains(" than "),
                    "seed {seed}: {expression}: {problems:?}"
                );
                continue;
            }
        };
        let compiled = outcome(&world.bind(&condition), &rows);
        for (row, compiled) in rows.iter().zip(compiled) {
            let reference = world.reference(&expression, row);
            assert_eq!(compiled, reference, "seed {seed}: {expression} on {row:?}");
            match reference {
                Some(true) => shown += 1,
                Some(false) => hidden += 1,
                None => failed += 1,
            }
        }
    }
    println!("TRUE {shown}, FALSE {hidden}, E {failed}");
    // A generator that no longer reaches all three outcomes proves nothing.
    assert!(cases < 1_000 || [shown, hidden, failed].iter().all(|count| *count > cases / 20));
}
