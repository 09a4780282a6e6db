//! Do governed answers equal those over a pre-filtered copy, for random lakes, policies and questions? `make fuzz-sql`.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn governed_equals_filtered() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().map_or(default, |text| {
            text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
        })
    };
    let seed = number("LAKEGATE_FUZZ_SEED", 1);
    lakegate_tests::fuzz::run(seed, number("LAKEGATE_FUZZ_CASES", 300)).await;
}
