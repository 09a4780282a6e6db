-- The same federated join, aggregated: who flew on whose aircraft, and how late did they arrive?
SELECT pl.manufacturer,
       count(*)                   AS passengers,
       count(DISTINCT pl.tailnum) AS aircraft,
       min(pl.year)               AS oldest,
       max(f.distance)            AS longest_flight,
       round(avg(f.arr_delay), 1) AS avg_arrival_delay
FROM lake.nyc.flights f
JOIN crm.main.passengers p
  ON  p.year = f.year AND p.month = f.month AND p.day = f.day
  AND p.carrier = f.carrier AND p.flight = f.flight AND p.origin = f.origin
JOIN crm.main.planes pl ON pl.tailnum = f.tailnum
GROUP BY pl.manufacturer
ORDER BY passengers DESC, pl.manufacturer
LIMIT 8
