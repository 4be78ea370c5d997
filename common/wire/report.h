/* wire/report: what the topics `reports` and `lookups` carry: the RFC 8460 JSON itself; its facts
 * are headers. */
#ifndef COMMON_WIRE_REPORT_H
#define COMMON_WIRE_REPORT_H

/* Header names. The record's key is the policy domain. */
#define REPORT_HEADER_ID       "report-id"
#define REPORT_HEADER_DAY      "day"      /* 2026-11-24 */
#define REPORT_HEADER_SESSIONS "sessions" /* decimal: all sessions the report counts */
/* While a look-up is being retried: */
#define REPORT_HEADER_FIRST_LOOKUP "first-attempt" /* Unix ms */
#define REPORT_HEADER_LOOKUPS      "attempt"       /* decimal, look-ups already made */

#endif
