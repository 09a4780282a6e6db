-- A year's scorecard: five scans of the Parquet lake in one statement, more than the 10 MB that every query is billed at least.
SELECT '1 all' AS section,
       '2013' AS item,
       count(*)                                             AS flights,
       count(dep_time)                                      AS departed,
       count(arr_time)                                      AS arrived,
       count(DISTINCT tailnum)                              AS aircraft,
       count(DISTINCT flight)                               AS flight_numbers,
       round(avg(dep_delay), 1)                             AS avg_dep_delay,
       round(avg(arr_delay), 1)                             AS avg_arr_delay,
       max(air_time)                                        AS longest_air_time,
       sum(distance)                                        AS miles
FROM lake.nyc.flights
UNION ALL
SELECT '2 origin',
       origin,
       count(*),
       count(dep_time),
       count(arr_time),
       count(DISTINCT tailnum),
       count(DISTINCT flight),
       round(avg(dep_delay), 1),
       round(avg(arr_delay), 1),
       max(air_time),
       sum(distance)
FROM lake.nyc.flights
GROUP BY origin
UNION ALL
SELECT '3 carrier',
       carrier,
       count(*),
       count(dep_time),
       count(arr_time),
       count(DISTINCT tailnum),
       count(DISTINCT flight),
       round(avg(dep_delay), 1),
       round(avg(arr_delay), 1),
       max(air_time),
       sum(distance)
FROM lake.nyc.flights
GROUP BY carrier
UNION ALL
SELECT '4 month',
       CASE WHEN month < 10 THEN '0' ELSE '' END || CAST(month AS varchar),
       count(*),
       count(dep_time),
       count(arr_time),
       count(DISTINCT tailnum),
       count(DISTINCT flight),
       round(avg(dep_delay), 1),
       round(avg(arr_delay), 1),
       max(air_time),
       sum(distance)
FROM lake.nyc.flights
GROUP BY month
UNION ALL
SELECT '5 part of day',
       CASE WHEN hour < 12 THEN 'am' WHEN hour < 18 THEN 'pm' ELSE 'evening' END,
       count(*),
       count(dep_time),
       count(arr_time),
       count(DISTINCT tailnum),
       count(DISTINCT flight),
       round(avg(dep_delay), 1),
       round(avg(arr_delay), 1),
       max(air_time),
       sum(distance)
FROM lake.nyc.flights
GROUP BY CASE WHEN hour < 12 THEN 'am' WHEN hour < 18 THEN 'pm' ELSE 'evening' END
ORDER BY section, item
