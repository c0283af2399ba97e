"""The operations of the API that the pages of compliance run."""

FINDING = """
framework requirement title category status severity recommendation rejectedQuotes
evidence { page quote }
"""
REPORT = f"""
query ComplianceReport(
  $id: UUID!, $filter: FindingFilterInput, $earlier: UUID!, $compares: Boolean!
) {{
  assessment(id: $id) {{
    id organizationId complianceDocumentId documentName status progress errorMessage attempts
    createdAt completedAt modelName resultsArchivedAt
    user {{ fullName email }}
    frameworks(first: 20) {{
      nodes {{ frameworkRevision framework {{ code }} revision {{ name }} }}
    }}
    results(filter: $filter) {{ summary score partial findings {{ {FINDING} }} }}
    comparison(with: $earlier) @include(if: $compares) {{
      framework requirement title change before {{ status }} after {{ status }}
    }}
    tasks(first: 100, orderBy: [{{by: DUE_DATE}}]) {{
      nodes {{
        id version framework requirement title comment dueDate status assignee {{ fullName email }}
      }}
    }}
    complianceDocument {{
      assessments(first: 20, filter: {{status: {{eq: COMPLETED}}}}) {{
        nodes {{ id completedAt score }}
      }}
    }}
    organization {{
      name
      members(first: 100, filter: {{status: {{eq: ACTIVE}}}}) {{
        nodes {{ user {{ id fullName email isService }} }}
      }}
    }}
  }}
}}
"""
JOB = """
query ComplianceReportJob($id: UUID!) {
  job(id: $id) { id kind status error exportedFile { name size url } }
}
"""
START_REPORT = """
mutation StartComplianceReport($input: AssessmentReportStartInput!) {
  assessmentReportStart(input: $input) { jobId }
}
"""
CREATE_TASK = """
mutation CreateFindingTask($input: FindingTaskCreateInput!) {
  findingTaskCreate(input: $input) { findingTask { id } }
}
"""
FINISH_TASK = """
mutation FinishFindingTask($id: UUID!, $version: BigInt!) {
  findingTaskUpdate(id: $id, expectedVersion: $version, input: {status: DONE}) {
    findingTask { id }
  }
}
"""
