"""The operations of the API that the dashboard and the form for a new assessment run."""

DASHBOARD = """
query ComplianceDashboard(
  $id: UUID!, $me: UUID!, $assessments: String, $documents: String, $tasks: String
) {
  organization(id: $id) {
    id name
    assessmentUsage { billable assessments { current maximum } }
    openFindings { day critical high medium low }
    completed: assessments(first: 1, filter: {status: {eq: COMPLETED}}) { nodes { id } }
    complianceDocuments(
      first: 20, after: $documents, orderBy: [{by: CREATED_AT, direction: DESC}]
    ) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id name size status errorMessage pageCount createdAt expiresAt user { id fullName email }
      }
    }
    findingTasks(
      first: 20, after: $tasks, filter: {status: {eq: OPEN}}, orderBy: [{by: DUE_DATE}]
    ) {
      pageInfo { hasNextPage endCursor }
      nodes { id assessmentId framework requirement title dueDate assignee { fullName email } }
    }
  }
  assessments(
    first: 20, after: $assessments, filter: {userId: {eq: $me}, organizationId: {eq: $id}}
  ) {
    pageInfo { hasNextPage endCursor }
    nodes { id documentName status progress score createdAt }
  }
}
"""
CHOICES = """
query AssessmentChoices($id: UUID!, $documents: String, $named: UUID!, $isNamed: Boolean!) {
  organization(id: $id) {
    id name
    assessmentUsage { assessments { current maximum } }
    complianceDocuments(
      first: 100, after: $documents, filter: {status: {eq: READY}},
      orderBy: [{by: CREATED_AT, direction: DESC}]
    ) {
      pageInfo { hasNextPage endCursor }
      nodes { id name pageCount }
    }
  }
  frameworks(first: 100, filter: {active: {eq: true}}) {
    nodes { id code name description revision }
  }
  complianceDocument(id: $named) @include(if: $isNamed) {
    id organizationId name pageCount status
  }
}
"""
CREATE = """
mutation CreateAssessment($input: AssessmentCreateInput!) {
  assessmentCreate(input: $input) { assessment { id } }
}
"""
