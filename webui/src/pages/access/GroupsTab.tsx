import { Label, LabelGroup } from "@patternfly/react-core";
import EditIcon from "@patternfly/react-icons/dist/esm/icons/edit-icon";
import { useQuery } from "@tanstack/react-query";
import { createGroup, deleteGroup, describeGroup, type Group } from "../../api/people";
import { t } from "../../i18n";
import { groupsQuery } from "../../state/queries";
import { keys } from "../../state/queryKeys";
import { FormButton } from "../common/FormButton";
import { QueryList } from "../common/QueryList";
import { RemoveItemButton } from "../common/RemoveItemButton";

/** Users who get the same permissions. */
export function GroupsTab() {
  const columns = [
    { label: t("group.id"), cell: ({ id }: Group) => id },
    { label: t("group.members"), cell: (group: Group) => <Members group={group} /> },
    { label: t("user.comment"), cell: ({ comment }: Group) => comment },
  ];
  return (
    <QueryList
      title={t("access.groups")}
      action={<AddGroup />}
      query={useQuery(groupsQuery())}
      emptyText={t("group.none")}
      columns={columns}
      keyOf={({ id }) => id}
      actionsLabel={t("access.actions")}
      actions={(group) => (
        <span className="hf-row-buttons">
          <DescribeGroup group={group} />
          <RemoveItemButton
            touches={keys.people}
            label={t("access.remove", { what: group.id })}
            title={t("access.removeTitle", { what: group.id })}
            remove={() => deleteGroup(group.id)}
          >
            <p>{t("group.removeText")}</p>
          </RemoveItemButton>
        </span>
      )}
    />
  );
}

function Members({ group: { id, members } }: { group: Group }) {
  if (members.length === 0) return null;
  return (
    <LabelGroup numLabels={6} aria-label={`${t("group.members")}: ${id}`}>
      {members.map((user) => (
        <Label key={user} isCompact variant="outline">
          {user}
        </Label>
      ))}
    </LabelGroup>
  );
}

function AddGroup() {
  return (
    <FormButton
      id="access"
      touches={keys.people}
      label={t("group.add")}
      submitLabel={t("add")}
      values={{ id: "", comment: "" }}
      fieldOf={(name) => (name === "groupid" ? "id" : name)}
      fields={[
        { kind: "text", name: "id", label: t("group.id"), required: true },
        { kind: "text", name: "comment", label: t("user.comment") },
      ]}
      order={({ id = "", comment = "" }) => createGroup(id.trim(), comment.trim())}
    >
      <p>{t("group.membersText")}</p>
    </FormButton>
  );
}

function DescribeGroup({ group: { id, comment } }: { group: Group }) {
  return (
    <FormButton
      id="access"
      size="small"
      touches={keys.people}
      variant="plain"
      icon={<EditIcon />}
      label={t("group.describe", { id })}
      submitLabel={t("save")}
      values={{ comment }}
      fields={[{ kind: "text", name: "comment", label: t("user.comment"), wide: true }]}
      order={(values) => describeGroup(id, (values["comment"] ?? "").trim())}
    />
  );
}
