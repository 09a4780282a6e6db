-- Parquet, CSV, NDJSON and the relational source in one statement: what does poor visibility cost each airline?
SELECT al.name AS airline,
       count(*)                                                      AS flights,
       count(CASE WHEN w.visib < 2 THEN 1 END)                       AS in_poor_visibility,
       round(avg(CASE WHEN w.visib < 2 THEN f.dep_delay END), 1)     AS delay_poor,
       round(avg(CASE WHEN w.visib >= 2 THEN f.dep_delay END), 1)    AS delay_good,
       count(DISTINCT ap.tzone)                                      AS time_zones
FROM lake.nyc.flights f
JOIN lake.nyc.weather w ON w.origin = f.origin AND w.time_hour = f.time_hour
JOIN lake.nyc.airports ap ON ap.faa = f.dest
JOIN crm.main.airlines al ON al.carrier = f.carrier
GROUP BY al.name
ORDER BY flights DESC, al.name
LIMIT 8
