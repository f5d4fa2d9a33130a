-- The SQL of the queries over sign-ins, in DuckDB's dialect. `-- name:` begins a part, which Python fills in.

-- name: deduplicated
-- An event that was delivered several times counts once. Setting up an authenticator app with an access token is
-- not part of a sign-in.
deduplicated AS (
    SELECT {names}, COUNT(*) AS copies FROM events_read WHERE NOT ({with_token}) GROUP BY {names}
)

-- name: deduplicated_stored
-- The same for `events_read` as a table, which can be read several times: few events are delivered twice.
repeated AS (
    SELECT DISTINCT id FROM (SELECT id FROM events_read WHERE id IS NOT NULL GROUP BY id HAVING COUNT(*) > 1) AS twice
), deduplicated AS (
    SELECT {names}, CAST(1 AS BIGINT) AS copies FROM events_read
    WHERE NOT ({with_token}) AND id IS NOT NULL AND id NOT IN (SELECT id FROM repeated)
    UNION ALL
    SELECT {names}, COUNT(*) AS copies FROM events_read
    WHERE NOT ({with_token}) AND (id IS NULL OR id IN (SELECT id FROM repeated)) GROUP BY {names}
)

-- name: with_app
-- An event without an app client has the app client of the sign-in that it continues.
with_app AS (
    SELECT *, COALESCE(client, LAST_VALUE(client IGNORE NULLS) OVER (
            PARTITION BY sub, address, agent ORDER BY moment, CASE WHEN client IS NULL THEN 1 ELSE 0 END ROWS UNBOUNDED PRECEDING), '') AS app,
        MAX(CASE WHEN orphan THEN 1 ELSE 0 END) OVER (PARTITION BY address, agent) = 1 AS unattributed
    FROM with_symbol
)

-- name: with_app_stored
-- The same for `with_symbol` as a table: only the events of users with such an event are sorted.
lacking AS (SELECT DISTINCT sub, address, agent FROM with_symbol WHERE client IS NULL AND sub IS NOT NULL),
orphans AS (SELECT DISTINCT address, agent, TRUE AS orphaned FROM with_symbol WHERE orphan),
clients AS (
    SELECT *, COALESCE(client, '') AS app FROM with_symbol
    WHERE sub IS NULL OR NOT EXISTS (
        SELECT 1 FROM lacking WHERE lacking.sub = with_symbol.sub AND lacking.address = with_symbol.address AND lacking.agent = with_symbol.agent)
    UNION ALL
    SELECT *, COALESCE(client, LAST_VALUE(client IGNORE NULLS) OVER (
            PARTITION BY sub, address, agent ORDER BY moment, CASE WHEN client IS NULL THEN 1 ELSE 0 END ROWS UNBOUNDED PRECEDING), '') AS app
    FROM with_symbol WHERE sub IS NOT NULL AND EXISTS (
        SELECT 1 FROM lacking WHERE lacking.sub = with_symbol.sub AND lacking.address = with_symbol.address AND lacking.agent = with_symbol.agent)
), with_app AS (
    SELECT clients.*, COALESCE(orphaned, FALSE) AS unattributed
    FROM clients LEFT JOIN orphans ON orphans.address = clients.address AND orphans.agent = clients.agent
)

-- name: check
-- Splits the exchanges of each user into attempts, follows each attempt from node to node, and checks each step.
timed AS (
    SELECT *, LAG(moment) OVER (PARTITION BY sign_in ORDER BY moment, ranked, id) AS before,
        LEAD(moment) OVER (PARTITION BY sign_in ORDER BY moment, ranked, id) AS after,
        LAST_VALUE(moves IGNORE NULLS) OVER (
            PARTITION BY sign_in ORDER BY moment, ranked, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS node_before
    FROM exchanges
), split AS (
    SELECT *, SUM(CASE
        WHEN opens THEN 1
        WHEN NOT exact AND error IS NULL AND DATE_DIFF('second', before, moment) > {seconds} THEN 1
        ELSE 0 END) OVER (PARTITION BY sign_in ORDER BY moment, ranked, id ROWS UNBOUNDED PRECEDING) AS attempt,
        CASE WHEN opens AND NOT exact AND NOT alone AND node_before NOT IN ('AUTHENTICATED', 'FAILED', 'START')
            AND DATE_DIFF('second', before, moment) <= {seconds} THEN node_before END AS abandoned
    FROM timed
), followed AS (
    SELECT *,
        LAST_VALUE(moves IGNORE NULLS) OVER (
            PARTITION BY sign_in, attempt ORDER BY moment, ranked, id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached,
        MAX(abandoned) OVER (PARTITION BY sign_in, attempt) AS other,
        MAX(CASE WHEN opens THEN 1 ELSE 0 END) OVER (PARTITION BY sign_in, attempt) AS has_beginning,
        LAG(moment) OVER (PARTITION BY sign_in, attempt ORDER BY moment, ranked, id) AS since,
        LEAD(id) OVER (PARTITION BY sign_in, attempt ORDER BY moment, ranked, id) AS following
    FROM split
), with_source AS (
    SELECT *, CASE
        WHEN opens THEN 'START'
        WHEN exact THEN COALESCE(CASE WHEN reached = claimed OR reached LIKE claimed || ' (%' THEN reached END, claimed)
        WHEN alone THEN '{unknown}'
        -- The tokens may be those of an earlier sign-in.
        WHEN after_sign_in AND (reached IS NULL OR reached <> 'AUTHENTICATED') THEN '{unknown}'
        ELSE COALESCE(reached, '{unknown}') END AS source
    FROM followed
), with_dest AS (
    SELECT *, COALESCE(leads, source) AS dest, CASE WHEN error IS NULL THEN leads ELSE '{unknown}' END AS reply
    FROM with_source
), compared AS (
    SELECT step.*, CASE
        WHEN here.symbol IS NOT NULL THEN CASE WHEN step.source = '{unknown}' OR step.symbol = '{unknown}' OR step.dest = '{unknown}' THEN 'unknown' ELSE 'legal' END
        WHEN exact OR opens OR anywhere.symbol IS NULL THEN 'illegal'
        WHEN moment = before OR moment = after OR there.symbol IS NOT NULL THEN 'ambiguous'
        WHEN step.source LIKE 'MFA_SETUP%' AND unattributed THEN 'unknown'
        ELSE 'illegal' END AS found, anywhere.symbol IS NOT NULL AS possible
    FROM with_dest AS step
    LEFT JOIN transitions AS here ON here.source = step.source AND here.symbol = step.symbol AND here.dest = step.reply
    LEFT JOIN transitions AS anywhere ON anywhere.source = '{unknown}' AND anywhere.symbol = step.symbol AND anywhere.dest = step.reply
    LEFT JOIN transitions AS there ON there.source = step.other AND there.symbol = step.symbol AND there.dest = step.reply
), checked AS (
    -- After events of an uncertain order, nothing in the attempt is called illegal.
    SELECT id, sign_in, attempt, moment, ranked, source, symbol, dest, error, copies, opens, CASE
            WHEN found = 'illegal' AND possible AND NOT exact AND MAX(CASE WHEN found = 'ambiguous' THEN 1 ELSE 0 END) OVER (
                PARTITION BY sign_in, attempt ORDER BY moment, ranked, id ROWS UNBOUNDED PRECEDING
            ) = 1 THEN 'ambiguous'
            ELSE found END AS verdict,
        CASE WHEN NOT opens THEN FLOOR(DATE_DIFF('millisecond', since, moment) / 100.0) END AS tenths,
        CASE WHEN following IS NOT NULL THEN NULL
            WHEN has_beginning = 0 OR (alone AND dest NOT IN ('AUTHENTICATED', 'FAILED')) THEN '{unknown}'
            ELSE dest END AS ended
    FROM compared
)

-- name: each_step
SELECT id, sign_in, attempt, moment, source, symbol, dest, error, verdict, ended, ranked FROM checked

-- name: funnel
-- A row for each transition and each illegal step; for each node and duration, how many steps took so long; for
-- each node, how many sign-ins ended there; and one row for everything.
SELECT GROUPING(verdict) AS no_transition, GROUPING(tenths) AS no_duration, GROUPING(ended) AS no_end,
    verdict, source, symbol, dest, illegal_id, tenths, ended, COUNT(*) AS times,
    MIN(sign_in) AS sign_in, MIN(moment) AS first_at, MAX(moment) AS last_at, MIN(error) AS error,
    SUM(CASE WHEN error IS NULL THEN 0 ELSE 1 END) AS refused,
    SUM(CASE WHEN opens THEN 1 ELSE 0 END) AS sign_ins, SUM(copies - 1) AS repeated
FROM (SELECT *, CASE WHEN verdict = 'illegal' THEN id END AS illegal_id FROM checked) AS each_step
GROUP BY GROUPING SETS ((verdict, source, symbol, dest, illegal_id), (source, tenths), (ended), ())

-- name: sorted_exchanges
-- Many sign-ins are alike. DuckDB sorts the exchanges of each user once, and checks each different sequence of
-- exchanges once, for one user who has it. The sequence includes all that decides a verdict: what `_CHECK` reads
-- except ids and moments, and of moments which are equal and which are too far apart.
CREATE TABLE sorted_exchanges AS
WITH {common}, exchanges AS ({all_exchanges})
SELECT *, ROW_NUMBER() OVER by_time AS number, LAG(moment) OVER by_time AS earlier
FROM (SELECT *, MD5_NUMBER(sign_in) AS person FROM exchanges)
WINDOW by_time AS (PARTITION BY person ORDER BY moment, ranked, id)

-- name: people
CREATE TABLE people AS
WITH each_person AS (
SELECT person, MD5_NUMBER(STRING_AGG(CONCAT_WS(CHR(31),
        symbol, COALESCE(moves, CHR(29)), COALESCE(leads, CHR(29)), COALESCE(claimed, CHR(29)),
        CASE WHEN exact THEN CONCAT_WS(' ', LENGTH(symbol), LENGTH(moves), LENGTH(leads), LENGTH(claimed)) END,
        (CASE WHEN error IS NULL THEN 1 ELSE 0 END) + (CASE WHEN opens THEN 2 ELSE 0 END)
        + (CASE WHEN after_sign_in THEN 4 ELSE 0 END) + (CASE WHEN alone THEN 8 ELSE 0 END)
        + (CASE WHEN unattributed THEN 16 ELSE 0 END) + (CASE WHEN exact THEN 32 ELSE 0 END)
        + (CASE WHEN moment = earlier THEN 64 WHEN earlier IS NULL THEN 128 WHEN moment IS NULL THEN 192 ELSE 0 END)
        + (CASE WHEN DATE_DIFF('second', earlier, moment) > {seconds} THEN 256 ELSE 0 END)
    ), CHR(30) ORDER BY number)) AS signature
FROM sorted_exchanges GROUP BY person
), numbered AS (
    SELECT signature, MIN(person) AS example, ROW_NUMBER() OVER (ORDER BY signature) AS sequence FROM each_person GROUP BY signature
)
SELECT person, sequence, person = example AS is_example FROM each_person JOIN numbered USING (signature)

-- name: sequences
CREATE TABLE sequences AS
WITH {transitions}, exchanges AS (
    SELECT LPAD(CAST(number AS VARCHAR), 19, '0') AS id, moment, ranked, symbol, error, opens, after_sign_in, alone,
        unattributed, copies, exact, CAST(sequence AS VARCHAR) AS sign_in, claimed, moves, leads
    FROM sorted_exchanges JOIN people USING (person) WHERE is_example
), {check}
SELECT CAST(sign_in AS BIGINT) AS sequence, CAST(id AS BIGINT) AS number, attempt, source, symbol, dest, verdict,
    opens, tenths, ended
FROM checked

-- name: checked
WITH checked AS (
    SELECT id, sign_in, attempt, moment, ranked, source, sequences.symbol, dest, error, copies, sequences.opens, verdict,
        CASE WHEN tenths IS NOT NULL THEN FLOOR(DATE_DIFF('millisecond', earlier, moment) / 100.0) END AS tenths,
        ended
    FROM sorted_exchanges JOIN people USING (person)
    JOIN sequences ON sequences.sequence = people.sequence AND sequences.number = sorted_exchanges.number
)

-- name: from_steps
-- Recorded steps as exchanges.
distinct_steps AS (
    SELECT sign_in, step, source, response, challenge_name, dest, role, error, lost, moment, COUNT(*) AS copies
    FROM steps
    GROUP BY sign_in, step, source, response, challenge_name, dest, role, error, lost, moment
), from_steps AS (
    SELECT sign_in || ' ' || CAST(step AS VARCHAR) AS id, moment, step AS ranked,
        COALESCE(challenge_name, response, '{unknown}') AS symbol, COALESCE(error, lost) AS error,
        COALESCE(source = 'START', FALSE) AS opens, FALSE AS after_sign_in, FALSE AS alone,
        FALSE AS unattributed, copies, TRUE AS exact, sign_in, COALESCE(source, '{unknown}') AS claimed,
        {leads} AS moves, {leads} AS leads
    FROM distinct_steps
)

-- name: step_leads
-- The node to which a recorded step leads.
CASE WHEN (error IS NOT NULL OR lost IS NOT NULL) AND dest = source THEN NULL
            WHEN dest = 'MFA_SETUP' AND response = '{associate}' THEN '{app_associated}'
            WHEN dest = 'MFA_SETUP' AND response = '{verify}' THEN '{app_verified}'
            WHEN dest = 'EMAIL_OTP' AND role = '{first_factor}' THEN '{email_first_factor}'
            WHEN dest = 'EMAIL_OTP' AND role = '{second_factor}' THEN '{email_second_factor}'
            ELSE COALESCE(dest, '{unknown}') END
